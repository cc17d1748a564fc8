use std::fmt;

use runner_core::DType;

/// Element types of the protocol; the models have those that [`Self::dtype`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    /// Any number of bytes for each element; how encoded pictures come.
    Bytes,
}

impl Datatype {
    /// Every element type of the protocol.
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// The name on the wire: `FP32`, `UINT8`, `BYTES`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of this name on the wire, in upper case as the protocol has it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.name() == name)
    }

    /// The name in a model's configuration: `TYPE_FP32`, …
    pub fn config_name(self) -> String {
        match self {
            Self::Bytes => "TYPE_STRING".to_owned(),
            _ => format!("TYPE_{}", self.name()),
        }
    }

    /// The element type of a tensor of this type; `None` where no model can have it.
    pub fn dtype(self) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| Self::from(*dtype) == self)
    }
}

impl From<DType> for Datatype {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::Fp32,
            DType::F16 => Self::Fp16,
            DType::F64 => Self::Fp64,
            DType::I8 => Self::Int8,
            DType::U8 => Self::Uint8,
            DType::I32 => Self::Int32,
            DType::I64 => Self::Int64,
            DType::Bool => Self::Bool,
        }
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_nothing_else_is() {
        for datatype in Datatype::ALL {
            assert_eq!(Datatype::from_name(datatype.name()), Some(datatype));
        }
        for name in ["fp32", "BF16", "", "STRING", "TYPE_FP32"] {
            assert_eq!(Datatype::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn every_element_type_of_a_model_goes_both_ways() {
        for dtype in DType::ALL {
            assert_eq!(Datatype::from(dtype).dtype(), Some(dtype));
        }
        assert_eq!(Datatype::Uint16.dtype().or(Datatype::Bytes.dtype()), None);
    }
}
