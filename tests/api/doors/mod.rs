//! Who may pass which door: every operation of the document, by every kind of caller.
//!
//! `table` says who may, and a new operation needs a row there; everything else follows from it.

mod headers;
mod matrix;
mod order;
mod people;
mod spelling;
mod table;
