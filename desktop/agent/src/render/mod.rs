//! Figures as people and programs read them.

pub mod blocks;
pub mod csv;
pub mod exposition;
pub mod grid;
pub mod json;
pub mod jsonl;
pub mod labels;
pub mod number;
pub mod sessions;
pub mod status;
pub mod table;
pub mod template;
pub mod text;
pub mod windows;
