package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// One finds one character of a set.
func One(set func(rune) bool) Finder {
	return func(s string, from int) (int, int) {
		at := strings.IndexFunc(s[from:], set)
		if at < 0 {
			return len(s), len(s)
		}
		_, n := utf8.DecodeRuneInString(s[from+at:])
		return from + at, from + at + n
	}
}

// Chunk finds n characters, or what is left.
func Chunk(n int) Finder {
	return func(s string, from int) (int, int) {
		end := from
		for range n {
			if end == len(s) {
				break
			}
			_, size := utf8.DecodeRuneInString(s[end:])
			end += size
		}
		return from, end
	}
}

// Whitespace finds \w+|[^\w\s]+ as the pre-tokenizer Whitespace means it.
func Whitespace(s string, from int) (int, int) {
	start := from + indexOrEnd(s[from:], func(r rune) bool { return !ucd.White(r) })
	if start == len(s) {
		return start, start
	}
	r, _ := utf8.DecodeRuneInString(s[start:])
	word := ucd.WhitespaceWord(r)
	return start, start + indexOrEnd(s[start:], func(r rune) bool { return ucd.White(r) || ucd.WhitespaceWord(r) != word })
}

// indexOrEnd returns where the first character of a set is, or the length.
func indexOrEnd(s string, set func(rune) bool) int {
	if at := strings.IndexFunc(s, set); at >= 0 {
		return at
	}
	return len(s)
}
