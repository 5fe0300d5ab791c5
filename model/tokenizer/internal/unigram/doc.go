// Package unigram is the Unigram language model of one word (Kudo 2018): a [Model] holds pieces with their log-probabilities, and the ids
// of a word are those of the pieces with the greatest sum, found by Viterbi's algorithm as the crate tokenizers finds them.
//
// The one trap: sums are compared as float64, and two of them often differ in the last bit only. So a [Score] is read as the crate reads
// it, which is not the float64 nearest to what is written.
package unigram
