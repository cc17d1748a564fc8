//! From the nodes of an engine's rewritten graph back to those of the file.

mod links;

use self::links::Links;
use super::OnnxModel;

/// A node as an engine calls it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineNode<'a> {
    /// Names of nodes or values of the file, perhaps with something after a slash or a dot, or
    /// names of the engine's own, which lead nowhere. None for what the engine added.
    pub names: Vec<&'a str>,
    /// Whether it multiplies matrices.
    pub heavy: bool,
}

/// Whose name the engine gives to nodes that it fused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The matrix product's, or another's: an activation, a sum or a scale that is called nowhere
    /// is in the product before it.
    Product,
    /// The last one's.
    Last,
}

/// The nodes of the file that each of an engine's nodes does the work of, by name, or by their
/// first output where they have none.
///
/// `engine` is in the order in which the nodes run. First comes what multiplies matrices, then what
/// the node is called after, then what is called nowhere, since it was fused. That is a guess from
/// where the node stands; constants, and what is computed from constants, are no part of it.
pub fn origins(model: &OnnxModel, engine: &[EngineNode<'_>], naming: Naming) -> Vec<Vec<String>> {
    let mut tracing = Tracing::new(model, engine);
    tracing.find_products();
    if naming == Naming::Product {
        tracing.fuse_into_products();
    }
    tracing.fuse_into_takers();
    let label = |node: usize| {
        let node = &model.nodes[node];
        if node.name.is_empty() { node.makes.first() } else { Some(&node.name) }.cloned()
    };
    let nodes = (0..engine.len()).map(|group| tracing.sorted(group));
    nodes.map(|nodes| nodes.into_iter().filter_map(label).collect()).collect()
}

/// The file's nodes behind one of the engine's.
struct Group {
    told: Vec<usize>,
    fused: Vec<usize>,
    heavy: bool,
}

struct Tracing<'a> {
    links: Links<'a>,
    groups: Vec<Group>,
    /// By node, the group that it is in; the last where it is in several.
    owners: Vec<Option<usize>>,
}

impl<'a> Tracing<'a> {
    /// Gives every of the engine's nodes a group, with the file's nodes that it is called after.
    fn new(model: &'a OnnxModel, engine: &[EngineNode<'_>]) -> Self {
        let links = Links::new(model);
        let mut owners = vec![None; links.count()];
        let groups = engine.iter().enumerate().map(|(group, node)| {
            let told: Vec<usize> = node.names.iter().filter_map(|name| links.find(name)).collect();
            for &node in &told {
                owners[node] = Some(group);
            }
            Group { told, fused: Vec::new(), heavy: node.heavy }
        });
        let groups = groups.collect();
        Self { links, groups, owners }
    }

    fn fuse(&mut self, node: usize, group: usize) {
        self.groups[group].fused.push(node);
        self.owners[node] = Some(group);
    }

    /// Whether a node that is called nowhere has no group yet.
    fn is_lost(&self, node: usize) -> bool {
        self.owners[node].is_none() && self.links.varies(node)
    }

    fn is_lost_product(&self, node: usize) -> bool {
        self.is_lost(node) && self.links.is_heavy(node)
    }

    /// Finds the product of each group that has one and is called otherwise: the nearest before
    /// what it is called after, or, where that is nothing, the first lost one that fits its place.
    fn find_products(&mut self) {
        for group in 0..self.groups.len() {
            let Group { told, heavy, .. } = &self.groups[group];
            if *heavy && !told.is_empty() && !told.iter().any(|&node| self.links.is_heavy(node)) {
                let is_taken =
                    |node: usize| self.owners[node].is_some_and(|owner| self.groups[owner].heavy);
                let is_free = |node| self.links.is_heavy(node) && !is_taken(node);
                let near = self.links.nearest(told, true, |node| !is_taken(node), is_free);
                if let Some(&product) = near.first() {
                    self.fuse(product, group);
                }
            }
        }
        for group in 0..self.groups.len() {
            if self.groups[group].heavy && self.groups[group].told.is_empty() {
                let mut lost = (0..self.links.count()).filter(|&node| self.is_lost_product(node));
                if let Some(product) = lost.find(|&product| self.fits(product, group)) {
                    self.fuse(product, group);
                }
            }
        }
    }

    /// Whether a lost node can run where a group does: after what it takes, before what takes it.
    fn fits(&self, node: usize, group: usize) -> bool {
        let near = |before| {
            let is_owned = |node: usize| self.owners[node].is_some();
            self.links.nearest(&[node], before, |_| true, is_owned)
        };
        let owners = |nodes: Vec<usize>| nodes.into_iter().filter_map(|node| self.owners[node]);
        owners(near(true)).all(|owner| owner < group)
            && owners(near(false)).all(|owner| owner > group)
    }

    /// An activation, a sum or a scale goes where the product before it is.
    fn fuse_into_products(&mut self) {
        for node in 0..self.links.count() {
            if !self.is_lost(node) || self.links.is_heavy(node) {
                continue;
            }
            let makers = self.links.makers_of(node);
            let makers = makers.filter(|&maker| self.links.feeds_only(maker, node));
            let groups = makers.filter_map(|maker| self.owners[maker]);
            if let Some(group) = groups.filter(|&group| self.groups[group].heavy).max() {
                self.fuse(node, group);
            }
        }
    }

    /// What is still nowhere goes where all that takes from it is.
    fn fuse_into_takers(&mut self) {
        for node in (0..self.links.count()).rev() {
            if !self.is_lost(node) {
                continue;
            }
            let takers = self.links.takers_of(node).iter();
            let mut owners = takers.map(|&taker| self.owners[taker]);
            let first = owners.next().flatten();
            if let Some(group) = first.filter(|_| owners.all(|owner| owner == first)) {
                self.fuse(node, group);
            }
        }
    }

    /// The nodes of a group, those that most of the time goes to first.
    fn sorted(&self, group: usize) -> Vec<usize> {
        let Group { told, fused, heavy } = &self.groups[group];
        let rank =
            |&node: &usize| (!(*heavy && self.links.is_heavy(node)), !told.contains(&node), node);
        let mut nodes = [told.as_slice(), fused].concat();
        nodes.sort_by_key(rank);
        nodes.dedup();
        nodes
    }
}

#[cfg(test)]
mod tests;
