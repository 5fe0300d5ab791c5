package onig

import (
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// A set is a set of characters.
type set struct {
	categories ucd.Set
	word       bool // \w
	listed     bool // between brackets
	ranges     [][2]rune
	negate     bool
	ascii      [utf8.RuneSelf]bool // whether it has them, when it is whole
}

func newSet() *set { return &set{} }

func (s *set) add(first, last rune) { s.ranges = append(s.ranges, [2]rune{first, last}) }

// has reports whether r is in the set.
func (s *set) has(r rune) bool {
	in := s.categories != 0 && ucd.In(r, s.categories) || s.word && word(r) && (r > 0xFF || ucd.Word(r) || !s.listed)
	for _, between := range s.ranges {
		in = in || between[0] <= r && r <= between[1]
	}
	return in != s.negate
}

// word is \w of Oniguruma: that of the crate's other expressions without the joiners, and with the superscripts and fractions of Latin-1,
// which \w between brackets lacks.
func word(r rune) bool {
	switch r {
	case 0x200C, 0x200D:
		return false
	case '²', '³', '¹', '¼', '½', '¾':
		return true
	}
	return ucd.Word(r)
}

// finish fills the table.
func (s *set) finish() {
	for r := range s.ascii {
		s.ascii[r] = s.has(rune(r))
	}
}

// at returns the length of the character at i, or 0 if it is not in the set.
func (s *set) at(text string, i int) int {
	if i >= len(text) {
		return 0
	}
	if b := text[i]; b < utf8.RuneSelf {
		if s.ascii[b] {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	if s.has(r) {
		return n
	}
	return 0
}

// class parses a class behind its [.
func (p *parser) class() (*set, error) {
	s := newSet()
	s.listed, s.negate = true, p.take("^")
	if p.fold && s.negate {
		return nil, p.refuse("[^…] without regard to case")
	}
	if p.peek() == ']' {
		return nil, p.refuse("a class that begins with ]")
	}
	for !p.take("]") {
		switch {
		case p.at >= len(p.src):
			return nil, p.refuse("a class without its end")
		case p.peek() == '[':
			return nil, p.refuse("[ in a class")
		case strings.HasPrefix(p.src[p.at:], "&&"):
			return nil, p.refuse("&& in a class")
		}
		if strings.HasPrefix(p.src[p.at:], `\`) {
			p.at++
			if ok, err := p.shorthand(s); err != nil {
				return nil, err
			} else if ok {
				if p.peek() == '-' && !strings.HasPrefix(p.src[p.at:], "-]") {
					return nil, p.refuse("a range that begins with a class")
				}
				continue
			}
			p.at--
		}
		if err := p.classRange(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// classRange parses a character of a class, or two with - between them.
func (p *parser) classRange(s *set) error {
	begin := p.at
	first, err := p.classChar()
	if err != nil {
		return err
	}
	rest := p.src[p.at:]
	if !strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "-]") {
		if first == '-' && p.src[begin] == '-' && begin > 0 && p.src[begin-1] != '[' && p.src[begin-1] != '^' && !strings.HasPrefix(rest, "]") {
			return p.refuse("- between others in a class")
		}
		return p.addChar(s, first)
	}
	p.at++
	last, err := p.classChar()
	if err != nil {
		return err
	}
	if last < first || p.src[begin] == '-' {
		return p.refuse("range %c-%c of a class", first, last)
	}
	if p.fold {
		return p.refuse("a range without regard to case")
	}
	s.add(first, last)
	return nil
}

func (p *parser) classChar() (rune, error) {
	if p.at >= len(p.src) {
		return 0, p.refuse("a class without its end")
	}
	switch r := p.next(); r {
	case '\\':
		if p.at >= len(p.src) {
			return 0, p.refuse(`\ at the end`)
		}
		return p.escaped()
	case utf8.RuneError:
		return 0, p.refuse("not UTF-8")
	case '[':
		return 0, p.refuse("[ in a class")
	default:
		return r, nil
	}
}
