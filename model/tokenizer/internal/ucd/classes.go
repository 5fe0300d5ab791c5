package ucd

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Ranges is a set of code points: the first and last of each range, in order.
type Ranges [][2]rune

// Has reports whether r is in the set.
func (s Ranges) Has(r rune) bool {
	_, ok := slices.BinarySearchFunc(s, r, func(span [2]rune, r rune) int {
		switch {
		case span[1] < r:
			return -1
		case span[0] > r:
			return 1
		}
		return 0
	})
	return ok
}

// Mark reports whether r is a combining mark, which StripAccents takes away.
func Mark(r rune) bool { return r >= 0x300 && marks.Has(r) }

// Accent reports whether BertNormalizer takes r for an accent.
func Accent(r rune) bool { return r >= 0x300 && nonspacing.Has(r) }

// Control reports whether the clean_text of BertNormalizer takes r away.
func Control(r rune) bool { return controls.Has(r) }

// Punctuation reports whether the crate takes r for punctuation.
func Punctuation(r rune) bool { return punctuation.Has(r) }

// WhitespaceWord is \w of the pre-tokenizer Whitespace, which is of a later Unicode than [Word].
func WhitespaceWord(r rune) bool { return words.Has(r) }

// White is char::is_whitespace of Rust.
func White(r rune) bool { return In(r, Space) }

// A lowerRun gives every step-th of first to last the lower-case letter that is add after it.
type lowerRun struct {
	first, last, step, add rune
}

var lower = sync.OnceValue(func() map[rune]rune {
	m := map[rune]rune{}
	for _, run := range lowers {
		for c := run.first; c <= run.last; c += run.step {
			m[c] = c + run.add
		}
	}
	return m
})

// Lower returns s in lower case, each character by itself: no sigma is a final one.
func Lower(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case 'A' <= r && r <= 'Z':
			b.WriteByte(byte(r) + 'a' - 'A')
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case r == 0x130:
			b.WriteString("i\u0307")
		default:
			if c, ok := lower()[r]; ok {
				r = c
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
