//! vision_program
