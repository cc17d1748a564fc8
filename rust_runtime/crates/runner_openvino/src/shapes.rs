use std::collections::BTreeMap;

use runner_core::{Dim, TensorSpec, onnx::TensorSpecHint};

use crate::{
    native::{Lengths, Model, Port, Side},
    tensor,
};

/// Any length.
const OPEN: Lengths = Lengths { min: -1, max: -1 };
/// As many symbols as there are probes that cannot be mistaken for each other.
const MOST_SYMBOLS: i64 = 60;

/// Gives the model the axes of `inputs`, which stand at the engine's `indices` if at all.
///
/// # Errors
/// OpenVINO's reason when the model cannot have these axes.
pub(crate) fn settle(
    model: &mut Model,
    inputs: &[TensorSpec],
    indices: &[Option<usize>],
) -> Result<(), String> {
    let ports = model.ports(Side::Input)?;
    let wanted = shapes(inputs, indices, |_| OPEN);
    if wanted.iter().all(|(index, dims)| same(&ports[*index], dims)) {
        return Ok(());
    }
    model.reshape(&wanted)
}

/// Whether a port has these axes already.
fn same(port: &Port, dims: &[Lengths]) -> bool {
    let alike = |a: &Lengths, b: &Lengths| a == b || (a.max < 0 && b.max < 0);
    port.dims.as_ref().is_some_and(|known| {
        known.len() == dims.len() && known.iter().zip(dims).all(|(a, b)| alike(a, b))
    })
}

/// The inputs' axes as ranges, symbols by `length`.
fn shapes(
    inputs: &[TensorSpec],
    indices: &[Option<usize>],
    length: impl Fn(&str) -> Lengths,
) -> Vec<(usize, Vec<Lengths>)> {
    let range = |dim: &Dim| match dim {
        Dim::Fixed(length) => {
            let length = i64::try_from(*length).unwrap_or(i64::MAX);
            Lengths { min: length, max: length }
        }
        Dim::Symbol(name) => length(name),
    };
    let input = |(spec, &index): (&TensorSpec, &Option<usize>)| {
        index.map(|index| (index, spec.dims.iter().map(range).collect()))
    };
    inputs.iter().zip(indices).filter_map(input).collect()
}

/// What the engine knows of the outputs, in its own order. The model may have other axes
/// afterwards: [`settle`] follows.
///
/// OpenVINO does not tell which axes of inputs and outputs are tied. So each symbol gets a range
/// of lengths of its own for a moment: an output's axis with that very range is that symbol.
///
/// # Errors
/// OpenVINO's reason when it cannot tell its outputs.
pub(crate) fn hints(
    model: &mut Model,
    inputs: &[TensorSpec],
    indices: &[Option<usize>],
) -> Result<Vec<TensorSpecHint>, String> {
    let probes = probes(inputs);
    let wanted = shapes(inputs, indices, |name| probes.get(name).copied().unwrap_or(OPEN));
    // Lengths like these may be impossible for the model; what it declares must do then.
    if probes.is_empty() || model.reshape(&wanted).is_err() {
        settle(model, inputs, indices)?;
    }
    let ports = model.ports(Side::Output)?;
    Ok(ports.iter().map(|port| hint(port, &probes)).collect())
}

/// What a port tells, with the ranges of `probes` as symbols.
fn hint(port: &Port, probes: &BTreeMap<String, Lengths>) -> TensorSpecHint {
    let dim = |lengths: &Lengths| {
        if lengths.min == lengths.max {
            return usize::try_from(lengths.min).ok().map(Dim::Fixed);
        }
        let symbol = probes.iter().find(|(_, probe)| *probe == lengths);
        symbol.map(|(name, _)| Dim::Symbol(name.clone()))
    };
    TensorSpecHint {
        dtype: tensor::dtype_of(port.element),
        dims: port.dims.as_ref().map(|dims| dims.iter().map(dim).collect()),
    }
}

/// A range for each symbol. No two are equally wide, and none is twice as wide as another, so no
/// sum, difference, multiple or fraction of them is one of them; both ends are odd, so neither
/// survives rounding to a multiple of 2.
fn probes(inputs: &[TensorSpec]) -> BTreeMap<String, Lengths> {
    let mut probes = BTreeMap::new();
    for dim in inputs.iter().flat_map(|input| &input.dims) {
        let number = i64::try_from(probes.len()).unwrap_or(MOST_SYMBOLS);
        if let Dim::Symbol(name) = dim
            && number < MOST_SYMBOLS
            && !probes.contains_key(name)
        {
            let min = 1025 + 512 * number;
            probes.insert(name.clone(), Lengths { min, max: min + 130 + 2 * number });
        }
    }
    probes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use runner_core::DType;

    use super::*;

    fn spec(dims: Vec<Dim>) -> TensorSpec {
        TensorSpec { name: "x".into(), dtype: DType::F32, dims }
    }

    fn symbol(name: &str) -> Dim {
        Dim::Symbol(name.into())
    }

    #[test]
    fn every_symbol_has_a_range_of_its_own() {
        let dims = (0..200).map(|number| symbol(&number.to_string())).collect();
        let probes = probes(&[spec(dims), spec(vec![symbol("0"), Dim::Fixed(3)])]);
        assert_eq!(probes.len(), 60);
        let widths: BTreeSet<i64> = probes.values().map(|probe| probe.max - probe.min).collect();
        assert_eq!(widths.len(), probes.len());
        assert!(widths.last() < widths.first().map(|width| 2 * width).as_ref());
        assert!(probes.values().all(|probe| probe.min % 2 == 1 && probe.max % 2 == 1));
    }

    #[test]
    fn a_range_that_no_symbol_has_is_unknown() {
        let probes = probes(&[spec(vec![symbol("n"), symbol("m")])]);
        let n = probes["n"];
        let port = Port {
            name: None,
            element: 4,
            dims: Some(vec![
                n,
                Lengths { min: n.min + 2, max: n.max + 2 },
                OPEN,
                Lengths { min: 7, max: 7 },
            ]),
        };
        let dims = hint(&port, &probes).dims.unwrap();
        assert_eq!(dims, [Some(symbol("n")), None, None, Some(Dim::Fixed(7))]);
    }

    #[test]
    fn a_port_is_the_same_where_its_fixed_axes_are() {
        let port = Port {
            name: None,
            element: 4,
            dims: Some(vec![Lengths { min: 0, max: -1 }, Lengths { min: 3, max: 3 }]),
        };
        assert!(same(&port, &[OPEN, Lengths { min: 3, max: 3 }]));
        assert!(!same(&port, &[Lengths { min: 2, max: 2 }, Lengths { min: 3, max: 3 }]));
        assert!(!same(&port, &[OPEN]));
        let probed = Port { dims: Some(vec![Lengths { min: 1025, max: 1155 }]), ..port };
        assert!(!same(&probed, &[OPEN]), "a probe must not stay");
    }
}
