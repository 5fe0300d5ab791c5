// Package onig matches the part of Oniguruma's regular expressions that the Split and Replace of tokenizer.json files use, as the crate
// tokenizers does: leftmost, the first alternative that matches, greedy with backtracking, over Oniguruma's Unicode tables (package ucd).
//
// What it takes: characters and their escapes, ., classes with ranges, \s \d \w \p{category}, groups, (?i:…) of ASCII, alternatives,
// greedy, lazy and possessive quantifiers, look-ahead, and the anchors ^ $ \b \B. Anything else is an error that names it, and so
// is what could match nothing and what repeats a group of more than one length; so are \A, \z and \Z, which Oniguruma's search misses in places.
//
// The one trap: this is not Go's or Perl's syntax. $ and ^ are those of lines, always.
package onig
