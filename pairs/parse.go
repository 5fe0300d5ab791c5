package pairs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A refusal says why one row was not read. It is the only error that reading a row gives.
type refusal struct {
	code   schemas.Code
	reason string
}

func (r *refusal) Error() string { return string(r.code) + ": " + r.reason }

func refuse(code schemas.Code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// maxDepth is how deep a row may nest. Python's json gives up at about a thousand.
const maxDepth = 512

// parse reads one JSON value, strictly (RFC 8259), refusing also what readers disagree about: keys that stand twice, escapes of lone
// surrogates. Its errors are refusals with codes bad_json and bad_utf8. Strings of the value share s's memory.
func parse(s string) (value, error) {
	if at := invalidUTF8(s); at >= 0 {
		return value{}, refuse(schemas.CodeBadUTF8, "byte %d (0x%02x) is not valid UTF-8; convert the file to UTF-8 (iconv -f LATIN1 -t UTF-8)", at, s[at])
	}
	p := parser{s: s}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.space()
	if p.i < len(s) {
		return value{}, p.bad("something stands after the end of the value")
	}
	return v, nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return -1
}

type parser struct {
	s string
	i int
}

func (p *parser) bad(what string) error {
	if p.i >= len(p.s) {
		what = "it ends too early"
	} else if p.s[p.i] == 0 {
		what = "there is a NUL byte, as a crashed writer leaves them"
	}
	return refuse(schemas.CodeBadJSON, "not valid JSON at byte %d of the row: %s; mend the row or drop it (in a line file every line is one whole object)", p.i, what)
}

func (p *parser) space() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// at returns the current byte, or 0 at the end.
func (p *parser) at() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, refuse(schemas.CodeBadJSON, "the row nests deeper than %d levels at byte %d", maxDepth, p.i)
	}
	switch c := p.at(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return textValue(s), err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, w := range literals {
		if strings.HasPrefix(p.s[p.i:], w.word) {
			p.i += len(w.word)
			return w.value, nil
		}
	}
	if strings.HasPrefix(p.s[p.i:], "NaN") || strings.HasPrefix(p.s[p.i:], "Infinity") {
		return value{}, p.bad("NaN and Infinity are no JSON numbers; write null")
	}
	return value{}, p.bad("a value is missing")
}

var literals = []struct {
	word  string
	value value
}{{"null", value{}}, {"true", value{kind: jsonBool, text: "true"}}, {"false", value{kind: jsonBool, text: "false"}}}

func (p *parser) array(depth int) (value, error) {
	v := value{kind: jsonArray}
	p.i++
	p.space()
	if p.at() == ']' {
		p.i++
		return v, nil
	}
	if c := p.at(); '0' <= c && c <= '9' {
		// Token ids, most likely: as many as there are commas before the bracket.
		ids, _, _ := strings.Cut(p.s[p.i:], "]")
		v.elems = make([]value, 0, 1+strings.Count(ids, ","))
	}
	for {
		p.space()
		e, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.elems = append(v.elems, e)
		p.space()
		switch p.at() {
		case ',':
			p.i++
		case ']':
			p.i++
			return v, nil
		default:
			return value{}, p.bad("a comma or ] is missing")
		}
	}
}

func (p *parser) object(depth int) (value, error) {
	v := value{kind: jsonObject}
	p.i++
	p.space()
	if p.at() == '}' {
		p.i++
		return v, nil
	}
	names := nameSet{}
	for {
		p.space()
		if p.at() != '"' {
			return value{}, p.bad("a key in double quotes is missing")
		}
		name, err := p.str()
		if err != nil {
			return value{}, err
		}
		if !names.add(name) {
			return value{}, refuse(schemas.CodeBadJSON, "the key %q stands twice in one object (at byte %d), and readers differ in which they take; drop one", name, p.i)
		}
		p.space()
		if p.at() != ':' {
			return value{}, p.bad("a colon is missing")
		}
		p.i++
		p.space()
		e, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.members = append(v.members, member{name, e})
		p.space()
		switch p.at() {
		case ',':
			p.i++
		case '}':
			p.i++
			return v, nil
		default:
			return value{}, p.bad("a comma or } is missing")
		}
	}
}

// A nameSet is the keys of one object: a list while they are few, as they are in messages.
type nameSet struct {
	few  []string
	many map[string]bool
}

// add reports whether the name is new.
func (n *nameSet) add(name string) bool {
	if n.many == nil {
		if slices.Contains(n.few, name) {
			return false
		}
		n.few = append(n.few, name)
		if len(n.few) > 16 {
			n.many = make(map[string]bool, 2*len(n.few))
			for _, f := range n.few {
				n.many[f] = true
			}
		}
		return true
	}
	if n.many[name] {
		return false
	}
	n.many[name] = true
	return true
}

func (p *parser) number() (value, error) {
	from := p.i
	if p.at() == '-' {
		p.i++
	}
	if p.at() == '0' {
		p.i++
	} else if !p.digits() {
		if strings.HasPrefix(p.s[p.i:], "Infinity") {
			return value{}, p.bad("NaN and Infinity are no JSON numbers; write null")
		}
		return value{}, p.bad("a number lacks its digits")
	}
	if p.at() == '.' {
		p.i++
		if !p.digits() {
			return value{}, p.bad("a number lacks the digits after its point")
		}
	}
	if c := p.at(); c == 'e' || c == 'E' {
		p.i++
		if c := p.at(); c == '+' || c == '-' {
			p.i++
		}
		if !p.digits() {
			return value{}, p.bad("a number lacks the digits of its exponent")
		}
	}
	return value{kind: jsonNumber, text: p.s[from:p.i]}, nil
}

// digits skips digits and reports whether there was one.
func (p *parser) digits() bool {
	from := p.i
	for c := p.at(); '0' <= c && c <= '9'; c = p.at() {
		p.i++
	}
	return p.i > from
}

// str reads a string; the current byte is its opening quote.
func (p *parser) str() (string, error) {
	p.i++
	from := p.i
	var decoded []byte
	escaped := false
	for {
		if p.i >= len(p.s) {
			return "", p.bad("")
		}
		switch c := p.s[p.i]; {
		case c == '"':
			end := p.i
			p.i++
			if !escaped {
				return p.s[from:end], nil
			}
			return string(append(decoded, p.s[from:end]...)), nil
		case c < 0x20:
			return "", p.bad("a control character stands in a string; write it as an escape")
		case c == '\\':
			escaped = true
			decoded = append(decoded, p.s[from:p.i]...)
			var err error
			if decoded, err = p.escape(decoded); err != nil {
				return "", err
			}
			from = p.i
		default:
			p.i++
		}
	}
}

// escape decodes the escape at the current byte, a backslash, onto b.
func (p *parser) escape(b []byte) ([]byte, error) {
	p.i++
	const short, meaning = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if at := strings.IndexByte(short, p.at()); at >= 0 {
		p.i++
		return append(b, meaning[at]), nil
	}
	if p.at() != 'u' {
		return nil, p.bad("there is no such escape")
	}
	r, ok := p.hex4()
	if !ok {
		return nil, p.bad("an escape \\u lacks its four hex digits")
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(b, r), nil
	}
	if p.at() == '\\' && strings.HasPrefix(p.s[p.i+1:], "u") {
		at := p.i
		p.i++
		if low, ok := p.hex4(); ok {
			if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
				return utf8.AppendRune(b, whole), nil
			}
		}
		p.i = at
	}
	return nil, refuse(schemas.CodeBadUTF8, "the escape \\u%04x before byte %d is half a character (a lone surrogate), which no UTF-8 text can hold; mend the text, which was cut inside an emoji or the like", r, p.i)
}

// hex4 reads the four hex digits of an escape, the letter u before them.
func (p *parser) hex4() (rune, bool) {
	if p.i+5 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i+1:p.i+5], 16, 16)
	if err != nil {
		return 0, false
	}
	p.i += 5
	return rune(n), true
}
