//! vision_io
