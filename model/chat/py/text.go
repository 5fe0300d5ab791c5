package py

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Str is str(v).
func (vm *VM) Str(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case Markup:
		return string(v)
	case *Undefined:
		return ""
	}
	return vm.Repr(v)
}

// Repr is repr(v). What Python would print with its address in memory is a TypeError.
func (vm *VM) Repr(v Value) string {
	p := printer{vm: vm}
	p.print(v)
	return p.b.String()
}

type printer struct {
	vm *VM
	b  strings.Builder
}

func (p *printer) write(s string) {
	p.vm.Build(len(s))
	p.b.WriteString(s)
}

func (p *printer) print(v Value) {
	p.vm.Enter()
	defer p.vm.Leave()
	switch v := v.(type) {
	case noneType:
		p.write("None")
	case bool:
		if v {
			p.write("True")
		} else {
			p.write("False")
		}
	case int64:
		p.write(strconv.FormatInt(v, 10))
	case *big.Int:
		p.vm.read(v.BitLen())
		p.write(intText(v))
	case float64:
		p.write(floatText(v))
	case string:
		p.write(quote(v))
	case Markup:
		p.write("Markup(" + quote(string(v)) + ")")
	case *List:
		p.once(v, "[...]", func() { p.items("[", v.Items, "]") })
	case *Tuple:
		end := ")"
		if len(v.Items) == 1 {
			end = ",)"
		}
		p.once(v, "(...)", func() { p.items("(", v.Items, end) })
	case *Dict:
		p.once(v, "{...}", func() { p.dict(v) })
	case *View:
		p.write(v.kind.String() + "(")
		p.items("[", p.vm.Items(v), "]")
		p.write(")")
	case *Range:
		p.write(fmt.Sprintf("range(%d, %d", v.Start, v.Stop))
		if v.Step != 1 {
			p.write(fmt.Sprintf(", %d", v.Step))
		}
		p.write(")")
	case *Undefined:
		p.write("Undefined")
	case Object:
		p.write(v.Repr(p.vm))
	default:
		Throw("TypeError", "printing a %s: its text in Python is an address in memory", TypeName(v))
	}
}

func (p *printer) items(begin string, items []Value, end string) {
	p.write(begin)
	for i, item := range items {
		if i > 0 {
			p.write(", ")
		}
		p.print(item)
	}
	p.write(end)
}

// once prints v, or what stands for it inside itself, where only a namespace can bring it.
func (p *printer) once(v Value, inside string, print func()) {
	if slices.Contains(p.vm.printing, v) {
		p.write(inside)
		return
	}
	p.vm.printing = append(p.vm.printing, v)
	defer func() { p.vm.printing = p.vm.printing[:len(p.vm.printing)-1] }()
	print()
}

func (p *printer) dict(d *Dict) {
	p.write("{")
	for i, e := range d.entries {
		if i > 0 {
			p.write(", ")
		}
		p.print(e.key)
		p.write(": ")
		p.print(e.value)
	}
	p.write("}")
}

func intText(n *big.Int) string {
	if n.BitLen() > maxDigits*3 { // the text may be too long: look closer
		if s := n.String(); len(strings.TrimPrefix(s, "-")) > maxDigits {
			Throw("ValueError", "Exceeds the limit (%d digits) for integer string conversion", maxDigits)
		}
	}
	return n.String()
}

// floatText is repr of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote is repr of a str.
func quote(s string) string {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b := append(make([]byte, 0, len(s)+2), q)
	for _, r := range s {
		switch {
		case r == rune(q) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, escapeRune(r)...)
		}
	}
	return string(append(b, q))
}

func escapeRune(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

// Escape is markupsafe.escape(v).
func (vm *VM) Escape(v Value) Markup {
	if m, ok := v.(Markup); ok {
		return m
	}
	s := vm.Str(v)
	vm.Build(len(s))
	s = htmlEscapes.Replace(s)
	vm.Build(len(s))
	return Markup(s)
}

func (vm *VM) escapeText(v Value, text string) string {
	if _, ok := v.(Markup); ok {
		return text
	}
	return string(vm.Escape(text))
}

// Round is round(v, digits): half to even, and an int stays an int.
func (vm *VM) Round(v Value, digits int64) Value {
	digits = min(max(digits, -400), 400)
	if f, ok := v.(float64); ok {
		if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
			return f
		}
		if digits >= 0 {
			rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
			return rounded
		}
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil))
		units := roundHalfEven(new(big.Rat).Quo(new(big.Rat).SetFloat64(f), scale))
		rounded, _ := new(big.Rat).Mul(new(big.Rat).SetInt(units), scale).Float64()
		if rounded == 0 {
			return math.Copysign(0, f)
		}
		return rounded
	}
	n, ok := whole(v)
	if !ok {
		Throw("TypeError", "type %s doesn't define __round__ method", TypeName(v))
	}
	if digits >= 0 {
		return norm(n)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
	return norm(new(big.Int).Mul(roundHalfEven(new(big.Rat).SetFrac(n, scale)), scale))
}

func roundHalfEven(r *big.Rat) *big.Int {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	// floor(r + 1/2), less one where r + 1/2 is whole and odd
	q, m := new(big.Int).DivMod(twice.Add(twice, r.Denom()), new(big.Int).Mul(r.Denom(), big.NewInt(2)), new(big.Int))
	if m.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// Slice is v[start:stop:step]; each may be None.
func (vm *VM) Slice(v, start, stop, step Value) Value {
	if text, ok := Text(v); ok {
		n := vm.runes(text)
		from, _, by, count := vm.sliceBounds(n, start, stop, step)
		cut := cutText(text, n, from, by, count)
		vm.Build(len(cut))
		if _, ok := v.(Markup); ok {
			return Markup(cut)
		}
		return cut
	}
	take := func(items []Value) []Value {
		from, _, by, count := vm.sliceBounds(len(items), start, stop, step)
		vm.Grow(count)
		made := make([]Value, count)
		for i := range made {
			made[i] = items[from+i*by]
		}
		return made
	}
	switch v := v.(type) {
	case *List:
		return &List{Items: take(v.Items)}
	case *Tuple:
		return &Tuple{Items: take(v.Items)}
	case *Range:
		from, to, by, count := vm.sliceBounds(int(v.Len), start, stop, step)
		return &Range{v.Start + int64(from)*v.Step, v.Start + int64(to)*v.Step, v.Step * int64(by), int64(count)}
	case *Undefined:
		v.Fail()
	}
	Throw("TypeError", "'%s' object is not subscriptable", TypeName(v))
	return nil
}

// cutText takes count code points of s, every by-th from the from-th; s has n of them.
func cutText(s string, n, from, by, count int) string {
	if n == len(s) && by == 1 {
		return s[from : from+count]
	}
	runes := []rune(s)
	made := make([]rune, count)
	for i := range made {
		made[i] = runes[from+i*by]
	}
	return string(made)
}

// sliceBounds gives the first index, the one where it ends, the step and the number of items of a slice of n items.
func (vm *VM) sliceBounds(n int, start, stop, step Value) (from, to, by, count int) {
	index := func(v Value, missing, low, high int64) int64 {
		if v == nil || v == None {
			return missing
		}
		i := vm.Index(v)
		if i < 0 {
			i = max(i, -1<<40) + int64(n)
		}
		return min(max(i, low), high)
	}
	size := int64(n)
	s := int64(1)
	if step != nil && step != None {
		s = min(max(vm.Index(step), -1<<40), 1<<40)
	}
	if s == 0 {
		Throw("ValueError", "slice step cannot be zero")
	}
	if s > 0 {
		a, b := index(start, 0, 0, size), index(stop, size, 0, size)
		return int(a), int(b), int(s), int(max(0, (b-a+s-1)/s))
	}
	a, b := index(start, size-1, -1, size-1), index(stop, -1, -1, size-1)
	return int(a), int(b), int(s), int(max(0, (a-b-s-1)/-s))
}
