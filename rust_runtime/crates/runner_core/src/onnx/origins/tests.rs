use super::*;
use crate::onnx::{Declared, Node};

/// A model from lines of `name operator input,input output`, with the input x; the last line makes
/// the output. A name of - is none.
fn model(lines: &[&str]) -> OnnxModel {
    let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let node = |line: &&str| {
        let [name, operator, takes, makes] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let name = name.trim_matches('-').to_owned();
        let (operator, domain) = (operator.to_owned(), String::new());
        Node { name, operator, domain, takes: names(takes), makes: names(makes) }
    };
    let nodes: Vec<Node> = lines.iter().map(node).collect();
    let declared = |name: &str| vec![Declared { name: name.to_owned(), dtype: None, dims: None }];
    let outputs = declared(&nodes.last().unwrap().makes[0]);
    OnnxModel { inputs: declared("x"), outputs, nodes, ..OnnxModel::default() }
}

/// The origins of engine nodes that are given by their names; * stands before a matrix product.
fn traced(naming: Naming, lines: &[&str], engine: &[&'static str]) -> Vec<String> {
    let node = |text: &&'static str| EngineNode {
        names: text.trim_start_matches('*').split_whitespace().collect(),
        heavy: text.starts_with('*'),
    };
    let engine: Vec<_> = engine.iter().map(node).collect();
    origins(&model(lines), &engine, naming).into_iter().map(|group| group.join(" ")).collect()
}

const CONVOLUTIONS: [&str; 4] =
    ["/a Conv x,w1 a", "/n BatchNormalization a,m n", "/r Relu n r", "/b Conv r,w2 y"];

#[test]
fn what_follows_a_product_is_in_it_whichever_name_stays() {
    let cases = [
        (["*/a", "*/b"], ["/a /n /r", "/b"]),
        (["*r", "*y"], ["/a /r /n", "/b"]),
        (["*/a/fused /r", "*y.matmul"], ["/a /r /n", "/b"]),
    ];
    for (engine, expected) in cases {
        assert_eq!(traced(Naming::Product, &CONVOLUTIONS, &engine), expected, "{engine:?}");
    }
}

#[test]
fn parts_are_told_and_additions_of_the_engine_are_nobodys() {
    let engine = ["/a.patches", "", "*/a.product", "*/b"];
    let expected = ["/a", "", "/a /n /r", "/b"];
    assert_eq!(traced(Naming::Product, &CONVOLUTIONS, &engine), expected);
}

#[test]
fn where_the_last_name_stays_a_product_is_the_nearest_before_it() {
    let lines = ["/a Conv x,w1 a", "/r Relu a r", "/b Conv r,w2 b", "/s Add b,r s", "/l Relu s y"];
    let engine = ["/a.pack", "*/r.low", "/b.pack", "*/s", "/l"];
    let expected = ["/a", "/a /r", "/b", "/b /s", "/l"];
    assert_eq!(traced(Naming::Last, &lines, &engine), expected);
    let engine = ["*/a", "/r", "*/b", "/l.chain"];
    assert_eq!(traced(Naming::Last, &lines, &engine), ["/a", "/r", "/b", "/l /s"]);
    let engine = ["*/a", "*/b"];
    assert_eq!(traced(Naming::Product, &lines, &engine), ["/a /r", "/b /s /l"]);
}

#[test]
fn a_normalisation_takes_no_sum_before_it() {
    let lines = [
        "/s Add x,z s",
        "/mean ReduceMean s mean",
        "/sub Sub s,mean sub",
        "/two Constant - two",
        "/pow Pow sub,two pow",
        "/var ReduceMean pow var",
        "/div Div sub,var div",
        "/out Mul div,g y",
    ];
    let engine = ["/s", "/out/LayerNormFusion/"];
    let expected = ["/s", "/out /mean /sub /pow /var /div"];
    for naming in [Naming::Product, Naming::Last] {
        assert_eq!(traced(naming, &lines, &engine), expected);
    }
}

#[test]
fn what_several_take_belongs_to_none_of_them() {
    let lines = ["/c Neg x c", "/l Mul x,c l", "/r Mul x,c r", "/y Add l,r y"];
    assert_eq!(traced(Naming::Last, &lines, &["/l", "/r", "/y"]), ["/l", "/r", "/y"]);
}

#[test]
fn products_that_are_one_node_are_one_node() {
    let lines = ["/qk MatMul x,k qk", "/s Softmax qk s", "/v MatMul s,v y"];
    assert_eq!(traced(Naming::Product, &lines, &["/v"]), ["/v /qk /s"]);
}

#[test]
fn a_nameless_product_is_the_one_that_is_missing_in_its_place() {
    let lines = ["/a Conv x,w1 a", "/r Relu a r", "/b Conv r,w2 b", "/s Sub x,b y"];
    let cases = [
        (["*/a /r", "*of_its_own", "y"], ["/a /r", "/b", "/s"]),
        (["*of_its_own", "*/b", "/s"], ["/a /r", "/b", "/s"]),
        (["*one", "*other", "/s"], ["/a /r", "/b", "/s"]),
    ];
    for (engine, expected) in cases {
        assert_eq!(traced(Naming::Product, &lines, &engine), expected, "{engine:?}");
    }
}

#[test]
fn a_node_without_a_name_goes_by_its_output() {
    let lines = ["- Conv x,w c", "- Relu c y"];
    assert_eq!(traced(Naming::Product, &lines, &["*y"]), ["c y"]);
}
