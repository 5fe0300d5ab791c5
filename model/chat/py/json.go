package py

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON says how [VM.DumpJSON] writes; the zero value is json.dumps(v, ensure_ascii=False).
type JSON struct {
	ASCII     bool    // escape everything else
	Indent    *string // of one level; nil writes everything in one line
	Separated bool    // by Item and Key instead of Python's own separators
	Item, Key string
	SortKeys  bool
}

// DumpJSON is json.dumps(v, …).
func (vm *VM) DumpJSON(v Value, o JSON) string {
	if !o.Separated {
		o.Item, o.Key = ", ", ": "
		if o.Indent != nil {
			o.Item = ","
		}
	}
	d := dumper{printer: printer{vm: vm}, o: o}
	d.value(v, 0)
	return d.b.String()
}

type dumper struct {
	printer
	o JSON
}

func (d *dumper) value(v Value, level int) {
	d.vm.Enter()
	defer d.vm.Leave()
	switch v := v.(type) {
	case noneType:
		d.write("null")
	case bool:
		d.write(strconv.FormatBool(v))
	case int64, *big.Int:
		d.print(v)
	case float64:
		d.write(jsonFloat(v))
	case string:
		d.write(jsonText(v, d.o.ASCII))
	case Markup:
		d.write(jsonText(string(v), d.o.ASCII))
	case *List:
		d.sequence("[", len(v.Items), "]", level, func(i int) { d.value(v.Items[i], level+1) })
	case *Tuple:
		d.sequence("[", len(v.Items), "]", level, func(i int) { d.value(v.Items[i], level+1) })
	case *Dict:
		entries := v.entries
		if d.o.SortKeys {
			entries = slices.Clone(entries)
			slices.SortStableFunc(entries, func(a, b entry) int { return d.vm.Order(a.key, b.key) })
		}
		d.sequence("{", len(entries), "}", level, func(i int) {
			d.write(jsonText(d.key(entries[i].key), d.o.ASCII))
			d.write(d.o.Key)
			d.value(entries[i].value, level+1)
		})
	default:
		Throw("TypeError", "Object of type %s is not JSON serializable", TypeName(v))
	}
}

func (d *dumper) sequence(begin string, n int, end string, level int, item func(int)) {
	d.write(begin)
	for i := range n {
		if i > 0 {
			d.write(d.o.Item)
		}
		d.newline(level + 1)
		item(i)
	}
	if n > 0 {
		d.newline(level)
	}
	d.write(end)
}

func (d *dumper) newline(level int) {
	if d.o.Indent != nil {
		d.vm.Build(len(*d.o.Indent) * level)
		d.write("\n" + strings.Repeat(*d.o.Indent, level))
	}
}

func (d *dumper) key(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case Markup:
		return string(v)
	case noneType:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return jsonFloat(v)
	case int64, *big.Int:
		return d.vm.Str(v)
	}
	Throw("TypeError", "keys must be str, int, float, bool or None, not %s", TypeName(v))
	return ""
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatText(f)
}

func jsonText(s string, ascii bool) string {
	b := append(make([]byte, 0, len(s)+2), '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r < ' ' || ascii && r > '~' && r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		case ascii && r > '~':
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(append(b, '"'))
}

// ParseJSON is json.loads(text): objects keep the order of their keys, 3 and 3.0 stay apart. Text that is not UTF-8, NaN, infinities
// and lone surrogates are refused. It raises a ValueError with the byte offset.
func (vm *VM) ParseJSON(text string) Value {
	if !utf8.ValidString(text) {
		Throw("ValueError", "JSON is not valid UTF-8")
	}
	p := &jsonParser{vm: vm, s: text}
	v := p.value()
	p.space()
	if p.at < len(p.s) {
		p.fail("extra data")
	}
	return v
}

type jsonParser struct {
	vm *VM
	s  string
	at int
}

func (p *jsonParser) fail(what string) { Throw("ValueError", "JSON, byte %d: %s", p.at, what) }

func (p *jsonParser) space() {
	for p.at < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.at]) >= 0 {
		p.at++
	}
}

// take skips white space and then prefix, if it comes next.
func (p *jsonParser) take(prefix string) bool {
	p.space()
	if !strings.HasPrefix(p.s[p.at:], prefix) {
		return false
	}
	p.at += len(prefix)
	return true
}

func (p *jsonParser) value() Value {
	p.vm.Enter()
	defer p.vm.Leave()
	switch {
	case p.take("null"):
		return None
	case p.take("true"):
		return true
	case p.take("false"):
		return false
	case p.take(`"`):
		return p.text()
	case p.take("["):
		list := NewList()
		for !p.take("]") {
			if len(list.Items) > 0 && !p.take(",") {
				p.fail("expected a comma or ]")
			}
			list.Items = append(list.Items, p.value())
		}
		return list
	case p.take("{"):
		dict := NewDict()
		for !p.take("}") {
			if dict.Len() > 0 && !p.take(",") {
				p.fail("expected a comma or }")
			}
			if !p.take(`"`) {
				p.fail("expected a key in double quotes")
			}
			key := p.text()
			if !p.take(":") {
				p.fail("expected a colon")
			}
			dict.Set(key, p.value())
		}
		return dict
	}
	return p.number()
}

func (p *jsonParser) number() Value {
	begin, digits := p.at, func() bool {
		from := p.at
		for p.at < len(p.s) && isDigit(p.s[p.at]) {
			p.at++
		}
		return p.at > from
	}
	p.accept("-")
	first := p.at
	if !digits() || p.s[first] == '0' && p.at > first+1 {
		p.at = begin
		p.fail("expected a value")
	}
	isInt := true
	if p.accept(".") {
		if isInt = false; !digits() {
			p.fail("expected a digit")
		}
	}
	if p.accept("eE") {
		isInt = false
		p.accept("+-")
		if !digits() {
			p.fail("expected a digit")
		}
	}
	if text := p.s[begin:p.at]; isInt {
		v, _ := p.vm.ParseInt(text, 10)
		return v
	}
	f, _ := ParseFloat(p.s[begin:p.at])
	return f
}

func (p *jsonParser) accept(set string) bool {
	if p.at < len(p.s) && strings.IndexByte(set, p.s[p.at]) >= 0 {
		p.at++
		return true
	}
	return false
}

// text reads a string whose opening quote is taken.
func (p *jsonParser) text() string {
	begin := p.at
	end := strings.IndexAny(p.s[p.at:], `"\`)
	if end >= 0 && p.s[p.at+end] == '"' && !hasControl(p.s[begin:begin+end]) {
		p.at += end + 1
		return p.s[begin : begin+end]
	}
	var b []byte
	for p.at < len(p.s) {
		switch c := p.s[p.at]; {
		case c == '"':
			p.at++
			return string(b)
		case c < ' ':
			p.fail("a control character in a string")
		case c == '\\':
			b = utf8.AppendRune(b, p.escape())
		default:
			b = append(b, c)
			p.at++
		}
	}
	p.fail("a string that does not end")
	return ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}

func (p *jsonParser) escape() rune {
	p.at++
	if p.at < len(p.s) {
		if i := strings.IndexByte(`"\/bfnrt`, p.s[p.at]); i >= 0 {
			p.at++
			return rune("\"\\/\b\f\n\r\t"[i])
		}
	}
	r := p.hex4()
	if utf16.IsSurrogate(r) {
		if strings.HasPrefix(p.s[p.at:], `\u`) {
			p.at++
			if pair := utf16.DecodeRune(r, p.hex4()); pair != utf8.RuneError {
				return pair
			}
		}
		p.fail("half of a surrogate pair")
	}
	return r
}

func (p *jsonParser) hex4() rune {
	if len(p.s)-p.at < 5 || p.s[p.at] != 'u' {
		p.fail("an unknown escape")
	}
	n, err := strconv.ParseUint(p.s[p.at+1:p.at+5], 16, 16)
	if err != nil {
		p.fail("an unknown escape")
	}
	p.at += 5
	return rune(n)
}
