package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// A Finder returns where the first match at or after from begins and ends, or the end of s twice. No match is
// empty; from is less than len(s).
type Finder func(s string, from int) (start, end int)

// Pattern returns the finder of a regular expression, if there is one.
func Pattern(regex string) (Finder, bool) {
	find, ok := patterns[regex]
	return find, ok
}

var patterns = func() map[string]Finder {
	const (
		contraction = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
		cl100kTail  = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
		o200kTail   = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
		capital     = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
		small       = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
		lead        = `[^\r\n\p{L}\p{N}]?`
		gpt2Tail    = ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	)
	return map[string]Finder{
		`'s|'t|'re|'ve|'m|'ll|'d|` + gpt2Tail:                       GPT2,
		`'(?:[sdmt]|ll|ve|re)|` + gpt2Tail:                          GPT2,
		contraction + `|` + lead + `\p{L}+|\p{N}` + cl100kTail:      cl100k(1), // Qwen2
		contraction + `|` + lead + `\p{L}+|\p{N}{1,3}` + cl100kTail: cl100k(3), // GPT-4, Llama 3
		contraction + `|` + lead + `\p{L}+|\p{N}+` + cl100kTail:     cl100k(Unlimited),
		lead + capital + `*` + small + `+` + contraction + `?|` + lead + capital + `+` + small + `*` + contraction + `?|\p{N}{1,3}` + o200kTail: o200k{digits: 3, contractions: true}.find,
		lead + capital + `*` + small + `+|` + lead + capital + `+` + small + `*|\p{N}` + o200kTail:                                              o200k{digits: 1}.find, // Mistral's Tekken
		`\p{N}`:      Numbers(1),
		`\p{N}{1,3}`: Numbers(3),
		`\p{N}+`:     Numbers(Unlimited),
	}
}()

// Unlimited is more numerals than a text has.
const Unlimited = int(^uint(0) >> 1)

// A class says which atoms of the patterns a character matches.
type class uint8

// Every character has exactly one of the first five; capital and small are those of o200k, which marks have beside other.
const (
	letter  class = 1 << iota // \p{L}
	number                    // \p{N}
	newline                   // [\r\n]
	blank                     // other \s
	other                     // [^\s\p{L}\p{N}]
	capital                   // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
	small                     // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
)

var categoryClass, asciiClass = func() (of [32]class, ascii [utf8.RuneSelf]class) {
	for i := range of {
		c := ucd.Category(i)
		switch {
		case ucd.L.Has(c):
			of[i] = letter
		case ucd.N.Has(c):
			of[i] = number
		case ucd.Space.Has(c):
			of[i] = blank
		default:
			of[i] = other
		}
		if c != ucd.Ll && (ucd.L | ucd.M).Has(c) {
			of[i] |= capital
		}
		if c != ucd.Lu && c != ucd.Lt && (ucd.L | ucd.M).Has(c) {
			of[i] |= small
		}
	}
	for i := range ascii {
		ascii[i] = of[ucd.Of(rune(i))]
	}
	ascii['\r'], ascii['\n'] = newline, newline
	return of, ascii
}()

// classAt returns the class of the character at i and its length, or 0, 0 at the end.
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return asciiClass[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return categoryClass[ucd.Of(r)], n
}

// skip returns the end of the run of characters of the classes that begins at i.
func skip(s string, i int, classes class) int {
	for i < len(s) {
		c, n := class(0), 1
		if b := s[i]; b < utf8.RuneSelf {
			c = asciiClass[b]
		} else {
			c, n = classAt(s, i)
		}
		if c&classes == 0 {
			break
		}
		i += n
	}
	return i
}

// skipUpTo is skip for at most n characters.
func skipUpTo(s string, i int, classes class, n int) int {
	for ; n > 0; n-- {
		c, size := classAt(s, i)
		if c&classes == 0 {
			break
		}
		i += size
	}
	return i
}

// Literal finds a string.
func Literal(want string) Finder {
	return func(s string, from int) (int, int) {
		if i := strings.Index(s[from:], want); i >= 0 {
			return from + i, from + i + len(want)
		}
		return len(s), len(s)
	}
}

// Numbers finds runs of up to n numerals.
func Numbers(n int) Finder {
	return func(s string, from int) (int, int) {
		start := skip(s, from, ^number)
		return start, skipUpTo(s, start, number, n)
	}
}

// Numerals finds what the component Digits does: a numeral or, unless apart, a run of them.
func Numerals(apart bool) Finder {
	return func(s string, from int) (int, int) {
		start := from
		for start < len(s) && numeral(s, start) == 0 {
			start++ // into the bytes of a character at worst, where no numeral begins
		}
		end := start
		for n := numeral(s, end); n > 0; n = numeral(s, end) {
			if end += n; apart {
				break
			}
		}
		return start, end
	}
}

// numeral returns the length of the numeral at i, 0 for none.
func numeral(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		if asciiClass[b] == number {
			return 1
		}
		return 0
	}
	if r, n := utf8.DecodeRuneInString(s[i:]); ucd.Numeric(r) {
		return n
	}
	return 0
}

// GPT2 is ByteLevel's pattern. Like the ones below it matches everywhere, so a match begins where the last one ends.
func GPT2(s string, i int) (int, int) {
	if n := contractionAt(s, i, false); n > 0 {
		return i, i + n
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	for _, c := range [...]class{letter, number, other} {
		if end := skip(s, j, c); end > j {
			return i, end
		}
	}
	return i, spaces(s, i)
}

// cl100k is the pattern of GPT-4, for which a number is up to n numerals.
func cl100k(n int) Finder {
	return func(s string, i int) (int, int) {
		if n := contractionAt(s, i, true); n > 0 {
			return i, i + n
		}
		c, size := classAt(s, i)
		switch {
		case c&letter != 0:
			return i, skip(s, i, letter)
		case c&number != 0:
			return i, skipUpTo(s, i, number, n)
		case c&newline == 0:
			if end := skip(s, i+size, letter); end > i+size {
				return i, end
			}
		}
		return i, symbolsOrSpaces(s, i, "\r\n")
	}
}

// symbolsOrSpaces matches ` ?[^\s\p{L}\p{N}]+[tail]*|\s*[\r\n]+|\s+(?!\S)|\s+`.
func symbolsOrSpaces(s string, i int, tail string) int {
	j := i
	if s[i] == ' ' {
		j++
	}
	if end := skip(s, j, other); end > j {
		for end < len(s) && strings.IndexByte(tail, s[end]) >= 0 {
			end++
		}
		return end
	}
	end := skip(s, i, blank|newline)
	if n := strings.LastIndexAny(s[i:end], "\r\n"); n >= 0 {
		return i + n + 1
	}
	return spaces(s, i)
}

// spaces matches `\s+(?!\S)|\s+`: a run that something follows leaves its last character to it, if that is not the only one.
func spaces(s string, i int) int {
	end := skip(s, i, blank|newline)
	if end == len(s) {
		return end
	}
	_, n := utf8.DecodeLastRuneInString(s[i:end])
	if end-n > i {
		return end - n
	}
	return end
}

// contractionAt returns the length of 's, 't, 're, 've, 'm, 'll or 'd at i, or 0. Without regard to case, ſ is an s.
func contractionAt(s string, i int, anyCase bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return 0
	}
	if anyCase && strings.HasPrefix(s[i+1:], "ſ") {
		return 1 + len("ſ")
	}
	lower := func(k int) byte {
		if k >= len(s) {
			return 0
		}
		if b := s[k]; anyCase && 'A' <= b && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return s[k]
	}
	second := lower(i + 2)
	switch lower(i + 1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if second == 'e' {
			return 3
		}
	case 'l':
		if second == 'l' {
			return 3
		}
	}
	return 0
}

// An o200k is the pattern of GPT-4o, which splits words where a small letter meets a capital.
type o200k struct {
	digits       int
	contractions bool
}

func (o o200k) find(s string, i int) (int, int) {
	c, size := classAt(s, i)
	// Each of the two patterns of words is tried with a leading character first and then without.
	for _, word := range [...]func(string, int) int{mixedWord, capitalWord} {
		end := 0
		if c&(letter|number|newline) == 0 {
			end = word(s, i+size)
		}
		if end == 0 {
			end = word(s, i)
		}
		if end > 0 {
			if o.contractions {
				end += contractionAt(s, end, true)
			}
			return i, end
		}
	}
	if c&number != 0 {
		return i, skipUpTo(s, i, number, o.digits)
	}
	return i, symbolsOrSpaces(s, i, "\r\n/")
}

// mixedWord matches `capital*small+` and returns its end, or 0. The run of capitals gives back as much as one small needs.
func mixedWord(s string, i int) int {
	end := skip(s, i, capital)
	if all := skip(s, end, small); all > end {
		return all
	}
	for end > i {
		r, n := utf8.DecodeLastRuneInString(s[i:end])
		if categoryClass[ucd.Of(r)]&small != 0 {
			return end
		}
		end -= n
	}
	return 0
}

// capitalWord matches `capital+small*` and returns its end, or 0.
func capitalWord(s string, i int) int {
	if end := skip(s, i, capital); end > i {
		return skip(s, end, small)
	}
	return 0
}
