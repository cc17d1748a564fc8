use std::collections::{HashMap, HashSet, VecDeque};

use crate::onnx::{Node, OnnxModel};

/// What multiplies matrices: engines fuse what follows into it.
const HEAVY: [&str; 14] = [
    "Attention",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Einsum",
    "GRU",
    "Gemm",
    "LSTM",
    "MatMul",
    "MatMulInteger",
    "MultiHeadAttention",
    "QLinearConv",
    "QLinearMatMul",
    "RNN",
];

/// How the nodes of a file hang together.
pub(super) struct Links<'a> {
    nodes: &'a [Node],
    names: HashMap<&'a str, usize>,
    makers: HashMap<&'a str, usize>,
    /// By node, the nodes that take what it makes.
    takers: Vec<Vec<usize>>,
    /// By node, whether it makes an output of the model.
    gives: Vec<bool>,
    /// By node, whether the model's inputs change what it makes.
    varies: Vec<bool>,
}

impl<'a> Links<'a> {
    pub(super) fn new(model: &'a OnnxModel) -> Self {
        let nodes = &model.nodes;
        let (mut names, mut makers) = (HashMap::new(), HashMap::new());
        for (index, node) in nodes.iter().enumerate() {
            if !node.name.is_empty() {
                names.entry(node.name.as_str()).or_insert(index);
            }
            makers.extend(node.makes.iter().map(|value| (value.as_str(), index)));
        }
        let mut takers = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for &maker in node.takes.iter().filter_map(|value| makers.get(value.as_str())) {
                takers[maker].push(index);
            }
        }
        let outputs: HashSet<&str> = model.outputs.iter().map(|output| &*output.name).collect();
        let is_output = |value: &String| outputs.contains(value.as_str());
        let gives = nodes.iter().map(|node| node.makes.iter().any(is_output)).collect();
        Self { nodes, names, makers, takers, gives, varies: varying(model) }
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The node of this name, or that makes the value of this name, or of the part of the name
    /// before a slash or a dot.
    pub(super) fn find(&self, mut name: &str) -> Option<usize> {
        loop {
            if let Some(&node) = self.names.get(name).or_else(|| self.makers.get(name)) {
                return Some(node);
            }
            name = &name[..name.rfind(['/', '.'])?];
        }
    }

    pub(super) fn is_heavy(&self, node: usize) -> bool {
        HEAVY.contains(&self.nodes[node].operator.as_str())
    }

    pub(super) fn varies(&self, node: usize) -> bool {
        self.varies[node]
    }

    pub(super) fn makers_of(&self, node: usize) -> impl Iterator<Item = usize> {
        let takes = self.nodes[node].takes.iter();
        takes.filter_map(|value| self.makers.get(value.as_str()).copied())
    }

    /// The nodes that take what a node makes; none of a node that makes an output of the model.
    pub(super) fn takers_of(&self, node: usize) -> &[usize] {
        if self.gives[node] { &[] } else { &self.takers[node] }
    }

    pub(super) fn feeds_only(&self, maker: usize, taker: usize) -> bool {
        !self.gives[maker] && self.takers[maker].iter().all(|&other| other == taker)
    }

    /// The first nodes before (or after) these that are `wanted`, the nearest first, no further than
    /// through those that are `open`.
    pub(super) fn nearest(
        &self,
        nodes: &[usize],
        before: bool,
        open: impl Fn(usize) -> bool,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut seen: HashSet<usize> = nodes.iter().copied().collect();
        let (mut near, mut found) = (VecDeque::from(nodes.to_vec()), Vec::new());
        while let Some(node) = near.pop_front() {
            let next: Vec<usize> =
                if before { self.makers_of(node).collect() } else { self.takers[node].clone() };
            for node in next.into_iter().filter(|&node| seen.insert(node)) {
                if wanted(node) {
                    found.push(node);
                } else if open(node) {
                    near.push_back(node);
                }
            }
        }
        found
    }
}

/// By node, whether the model's inputs change what it makes.
fn varying(model: &OnnxModel) -> Vec<bool> {
    let mut values: HashSet<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    let varies = |node: &'_ Node, values: &HashSet<&str>| {
        node.takes.iter().any(|value| values.contains(value.as_str()))
    };
    let nodes = model.nodes.iter().map(|node| {
        let changes = varies(node, &values);
        if changes {
            values.extend(node.makes.iter().map(String::as_str));
        }
        changes
    });
    nodes.collect()
}
