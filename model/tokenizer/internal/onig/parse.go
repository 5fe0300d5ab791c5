package onig

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// A node is a part of an expression.
type node struct {
	kind     kind
	set      *set
	parts    []*node // of a sequence, of alternatives, or the one that is repeated or looked for
	min, max int     // of a repeat; max −1 for no bound
	mode     mode
	negative bool // of a look-ahead
	bare     bool // a character that stands alone and without regard to case, which may join with the next
}

type kind uint8

const (
	sequence kind = iota
	alternatives
	one // character of a set
	repeat
	ahead  // look-ahead
	atomic // a group that keeps its first match
	lineBegin
	lineEnd
	wordEdge
	notWordEdge
)

// A mode is how a repeat goes on.
type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// unbounded is the max of a repeat without one.
const unbounded = -1

type parser struct {
	src   string
	at    int
	fold  bool // without regard to case
	depth int
}

const maxDepth = 100

func (p *parser) refuse(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", p.at, fmt.Sprintf(format, args...))
}

// peek returns the next character, 0 at the end.
func (p *parser) peek() rune {
	if p.at >= len(p.src) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.at:])
	return r
}

func (p *parser) next() rune {
	r, n := utf8.DecodeRuneInString(p.src[p.at:])
	p.at += n
	return r
}

// take moves behind s if it is next.
func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.src[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

// alternatives parses up to ) or the end.
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.refuse("more than %d groups in one another", maxDepth)
	}
	defer func() { p.depth-- }()
	var parts []*node
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		if !p.take("|") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return &node{kind: alternatives, parts: parts}, nil
}

func (p *parser) sequence() (*node, error) {
	n := &node{kind: sequence}
	for p.at < len(p.src) && p.peek() != '|' && p.peek() != ')' {
		begin := p.at
		part, err := p.atom()
		if err != nil {
			return nil, err
		}
		if part, err = p.quantified(part); err != nil {
			return nil, err
		}
		if last := len(n.parts) - 1; p.fold && last >= 0 && foldsTogether(n.parts[last], part) {
			p.at = begin
			return nil, p.refuse("characters that one character stands for without regard to case (ss, ff, fi, fl, st)")
		}
		n.parts = append(n.parts, part)
	}
	return n, nil
}

// atom parses what a quantifier may follow.
func (p *parser) atom() (*node, error) {
	switch r := p.next(); r {
	case '(':
		return p.group()
	case '[':
		s, err := p.class()
		return &node{kind: one, set: s}, err
	case '.':
		s := newSet()
		s.add('\n', '\n')
		s.negate = true
		return &node{kind: one, set: s}, nil
	case '^':
		return &node{kind: lineBegin}, nil
	case '$':
		return &node{kind: lineEnd}, nil
	case '*', '+', '?', '{':
		return nil, p.refuse("%q where a quantifier has nothing to repeat", r)
	case '\\':
		return p.escape()
	case utf8.RuneError:
		return nil, p.refuse("not UTF-8")
	default:
		return p.char(r)
	}
}

func (p *parser) char(r rune) (*node, error) {
	s := newSet()
	if err := p.addChar(s, r); err != nil {
		return nil, err
	}
	return &node{kind: one, set: s, bare: p.fold}, nil
}

// addChar adds a character, without regard to case its other forms, too.
func (p *parser) addChar(s *set, r rune) error {
	s.add(r, r)
	if !p.fold {
		return nil
	}
	if r >= utf8.RuneSelf {
		return p.refuse("%q without regard to case", r)
	}
	if lower := r | 0x20; 'a' <= lower && lower <= 'z' {
		s.add(lower, lower)
		s.add(lower-0x20, lower-0x20)
		switch lower {
		case 's':
			s.add('ſ', 'ſ')
		case 'k':
			s.add('K', 'K') // Kelvin
		}
	}
	return nil
}

// foldsTogether reports whether one character stands for two neighbours without regard to case. A group's ends count as any.
func foldsTogether(a, b *node) bool {
	if a.bare && b.bare {
		for _, pair := range [...]string{"ss", "ff", "fi", "fl", "st"} {
			if a.set.has(rune(pair[0])) && b.set.has(rune(pair[1])) {
				return true
			}
		}
		return false
	}
	group := func(n *node) bool {
		return n.kind == sequence || n.kind == alternatives || n.kind == repeat && !n.parts[0].bare
	}
	return group(a) && (b.bare || group(b)) || a.bare && group(b)
}

func (p *parser) group() (*node, error) {
	n := &node{kind: sequence}
	fold := p.fold
	if p.take("?") {
		switch {
		case p.take(":"):
		case p.take("i:"):
			p.fold = true
		case p.take("="):
			n.kind = ahead
		case p.take("!"):
			n.kind, n.negative = ahead, true
		case p.take(">"):
			n.kind = atomic
		default:
			rest := p.src[p.at:]
			return nil, p.refuse("group (?%.3s", rest)
		}
	}
	inner, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.refuse("a group without its end")
	}
	p.fold = fold
	n.parts = []*node{inner}
	return n, nil
}

func (p *parser) escape() (*node, error) {
	if p.at >= len(p.src) {
		return nil, p.refuse(`\ at the end`)
	}
	switch {
	case p.take("b"):
		return &node{kind: wordEdge}, nil
	case p.take("B"):
		return &node{kind: notWordEdge}, nil
	}
	s := newSet()
	if ok, err := p.shorthand(s); ok || err != nil {
		return &node{kind: one, set: s}, err
	}
	r, err := p.escaped()
	if err != nil {
		return nil, err
	}
	return p.char(r)
}

// shorthand adds what \s and its like stand for; ok says that there was one.
func (p *parser) shorthand(s *set) (ok bool, err error) {
	switch {
	case p.fold && p.at < len(p.src) && strings.IndexByte("sSdDwpP", p.src[p.at]) >= 0: // where it has ß it would match ss, and so on
		return false, p.refuse(`\%c without regard to case`, p.src[p.at])
	case p.take("s"):
		s.categories |= ucd.Space
	case p.take("S"):
		s.categories |= ^ucd.Space
	case p.take("d"):
		s.categories |= 1 << ucd.Nd
	case p.take("D"):
		s.categories |= ^ucd.Set(1 << ucd.Nd)
	case p.take("w"):
		s.word = true
	case p.take("p{"), p.take("P{"):
		negative := p.src[p.at-2] == 'P'
		if p.take("^") {
			negative = !negative
		}
		name, _, found := strings.Cut(p.src[p.at:], "}")
		set, known := ucd.Named(name)
		if !found || !known {
			return false, p.refuse(`\p{%.20s}, which is not a general category`, name)
		}
		p.at += len(name) + 1
		if negative {
			set = ^set
		}
		s.categories |= set
	default:
		return false, nil
	}
	return true, nil
}

// escaped returns the character behind a \.
func (p *parser) escaped() (rune, error) {
	begin := p.at
	r := p.next()
	if named := strings.IndexRune("tnrfvae", r); named >= 0 {
		return rune("\t\n\r\f\v\a\x1b"[named]), nil
	}
	digits := ""
	switch {
	case r == 'x' && p.take("{"):
		text, _, found := strings.Cut(p.src[p.at:], "}")
		if !found {
			return 0, p.refuse(`\x{ without its end`)
		}
		digits = text
		p.at += len(text) + 1
	case r == 'x' && len(p.src) >= p.at+2 && p.src[p.at] < '8': // of more, \x is a byte
		digits = p.src[p.at : p.at+2]
		p.at += 2
	case r == 'u' && len(p.src) >= p.at+4:
		digits = p.src[p.at : p.at+4]
		p.at += 4
	case r < utf8.RuneSelf && strings.ContainsRune(`\/.,:;!?"'#$%&()*+-<=>@[]^_{|}~ `+"`", r):
		return r, nil
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if digits == "" || err != nil || !utf8.ValidRune(rune(n)) {
		p.at = begin
		return 0, p.refuse(`escape \%c`, r)
	}
	return rune(n), nil
}

// quantified parses the quantifiers of a node.
func (p *parser) quantified(n *node) (*node, error) {
	q := &node{kind: repeat, parts: []*node{n}, max: unbounded}
	counted := false
	switch {
	case p.take("*"):
	case p.take("+"):
		q.min = 1
	case p.take("?"):
		q.max = 1
	case p.peek() == '{':
		counted = true
		if err := p.counts(q); err != nil {
			return nil, err
		}
	default:
		return n, nil
	}
	switch {
	case counted && p.fold:
		return nil, p.refuse("{…} without regard to case")
	case counted && strings.ContainsRune("?+", p.peek()) && p.at < len(p.src):
		return nil, p.refuse("a quantifier after {…}")
	case p.take("?"):
		q.mode = lazy
	case p.take("+"):
		q.mode = possessive
	}
	if p.at < len(p.src) && strings.ContainsRune("*+?{", p.peek()) {
		return nil, p.refuse("a quantifier after a quantifier")
	}
	return q, nil
}

const maxCount = 1000

func (p *parser) counts(q *node) error {
	text, _, found := strings.Cut(p.src[p.at+1:], "}")
	low, high, comma := strings.Cut(text, ",")
	min, err := strconv.Atoi(low)
	q.min, q.max = min, min
	if comma && high == "" {
		q.max = unbounded
	} else if comma && err == nil {
		q.max, err = strconv.Atoi(high)
	}
	if !found || err != nil || q.min < 0 || q.max != unbounded && q.max < q.min || q.max == 0 || max(q.min, q.max) > maxCount {
		return p.refuse("{%.10s: not the form {n}, {n,} or {n,m} with n ≤ m ≤ %d", text, maxCount)
	}
	p.at += len(text) + 2
	return nil
}
