package adapter

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// compile returns an expression of Python's re as one of Go's. Names of modules are ASCII without line ends, and the question is only
// ever whether an expression matches; so the plain constructs mean the same in both. All others are refused, as are those that Go reads
// otherwise: look-around, back references, flags, possessive quantifiers, sets within sets.
func compile(expr string) (*regexp.Regexp, error) {
	p := pythonRegexp{text: expr}
	if err := p.alternatives(0); err != nil {
		return nil, fmt.Errorf("expression %q: %w", expr, err)
	}
	if p.at < len(expr) {
		return nil, fmt.Errorf("expression %q: a ) that nothing opens", expr)
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", expr, err)
	}
	return re, nil
}

// fullmatch returns what re.fullmatch asks of an expression.
func fullmatch(expr string) (*regexp.Regexp, error) {
	if _, err := compile(expr); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + expr + `)\z`)
}

// A pythonRegexp goes over an expression and stops at what is not plain.
type pythonRegexp struct {
	text string
	at   int
}

// deepest bounds the nesting of groups.
const deepest = 100

func (p *pythonRegexp) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *pythonRegexp) unsupported(what string) error {
	return fmt.Errorf("%w: %s at character %d: write it with literals, . * + ? | ( ) and [ ]", ErrUnsupported, what, p.at+1)
}

// alternatives reads up to the end or to a ) that it leaves.
func (p *pythonRegexp) alternatives(depth int) error {
	if depth > deepest {
		return p.unsupported("a group this deep")
	}
	for p.at < len(p.text) && p.peek() != ')' {
		repeatable, err := p.atom(depth)
		if err != nil {
			return err
		}
		if err := p.quantifier(repeatable); err != nil {
			return err
		}
	}
	return nil
}

// atom reads one element and says whether a quantifier may follow it.
func (p *pythonRegexp) atom(depth int) (repeatable bool, err error) {
	switch c := p.peek(); {
	case c == '|' || c == '^' || c == '$':
		p.at++
		return false, nil
	case c == '(':
		p.at++
		if strings.HasPrefix(p.text[p.at:], "?:") {
			p.at += 2
		} else if p.peek() == '?' {
			return false, p.unsupported("(?" + p.text[p.at+1:min(p.at+2, len(p.text))])
		}
		if err := p.alternatives(depth + 1); err != nil {
			return false, err
		}
		if p.peek() != ')' {
			return false, fmt.Errorf("a ( that nothing closes")
		}
		p.at++
		return true, nil
	case c == '[':
		return true, p.set()
	case c == '\\':
		return true, p.escape()
	case c == '*' || c == '+' || c == '?' || c == '{' || c == '}' || c == ']' || c < ' ' || c > '~':
		return false, p.unsupported(strconv.QuoteToASCII(string(rune(c))))
	}
	p.at++
	return true, nil
}

func (p *pythonRegexp) escape() error {
	p.at++
	if c := p.peek(); c == 0 || strings.IndexByte(`dDwWsS.\-|()[]{}^$*+?`, c) < 0 {
		return p.unsupported(strconv.QuoteToASCII(`\` + string(rune(c))))
	}
	p.at++
	return nil
}

// set reads [ … ] of plain characters, ranges and escapes.
func (p *pythonRegexp) set() error {
	p.at++
	if p.peek() == '^' {
		p.at++
	}
	for first := true; ; first = false {
		switch c := p.peek(); {
		case c == ']' && !first:
			p.at++
			return nil
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
			if rest := p.text[p.at:]; strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "-]") { // a range from \d is nothing to Python
				return p.unsupported("a range from an escape")
			}
		case c == '.' || c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			if c == '-' && p.at+1 < len(p.text) && p.text[p.at+1] == '-' {
				return p.unsupported("-- in a set")
			}
			p.at++
		default:
			return p.unsupported("such a set")
		}
	}
}

// quantifier reads a quantifier, if there is one.
func (p *pythonRegexp) quantifier(repeatable bool) error {
	c := p.peek()
	if c != '*' && c != '+' && c != '?' && c != '{' {
		return nil
	}
	if !repeatable {
		return fmt.Errorf("%c at character %d repeats nothing", c, p.at+1)
	}
	p.at++
	if c == '{' {
		end := strings.IndexByte(p.text[p.at:], '}')
		if end < 0 {
			return p.unsupported("{")
		}
		low, high, _ := strings.Cut(p.text[p.at:p.at+end], ",")
		for i, n := range []string{low, high} {
			if count, err := strconv.ParseUint(n, 10, 16); !(err == nil && count <= 100) && !(i == 1 && n == "") {
				return p.unsupported("{" + p.text[p.at:p.at+end] + "}")
			}
		}
		p.at += end + 1
	}
	if p.peek() == '?' {
		p.at++
	}
	if c := p.peek(); c == '*' || c == '+' || c == '?' || c == '{' {
		return p.unsupported("a quantifier of a quantifier")
	}
	return nil
}
