// Package export writes a view of a cache, joined with its values, as one Parquet file that trainers read as it is: a row for each row of
// the view, in the view's order, under the column names that TRL's DPOTrainer has for tokenized data with reference log-probabilities.
// [Write] does it; docs/export.md has the columns and how TRL takes them.
//
// The one trap: an export is a copy, with the ids of one tokenizer, cut to one max_length. Whoever trains on it must neither tokenize nor
// cut again; its footer says what it was made of.
package export
