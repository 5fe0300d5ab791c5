package py

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Percent is s % v.
func (vm *VM) Percent(s string, v Value) string {
	return vm.percent(s, v, func(_ Value, text string) string { return text })
}

// percent is s % v, where every text that goes in passes through escape first.
func (vm *VM) percent(s string, v Value, escape func(Value, string) string) string {
	args, mapping := []Value{v}, false
	switch v := v.(type) {
	case *Tuple:
		args = v.Items
	case *Dict, *List, *Undefined, *Range, *View:
		mapping = true
	}
	used := 0
	next := func() Value {
		if used == len(args) {
			Throw("TypeError", "not enough arguments for format string")
		}
		used++
		return args[used-1]
	}
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, "%")
		vm.Build(len(plain))
		b.WriteString(plain)
		if !found {
			break
		}
		s = rest
		if strings.HasPrefix(s, "%") {
			b.WriteByte('%')
			s = s[1:]
			continue
		}
		arg := next
		if strings.HasPrefix(s, "(") {
			key, rest, ok := strings.Cut(s[1:], ")")
			if !ok {
				Throw("ValueError", "incomplete format key")
			}
			if !mapping {
				Throw("TypeError", "format requires a mapping")
			}
			item, ok := vm.Subscript(v, key)
			if !ok {
				Throw("KeyError", "%s", quote(key))
			}
			s, arg = rest, func() Value { return item }
		}
		var f spec
		f, s = vm.percentSpec(s, next)
		if s == "" {
			Throw("ValueError", "incomplete format")
		}
		verb, w := utf8.DecodeRuneInString(s)
		s = s[w:]
		if verb == '%' {
			b.WriteByte('%')
			continue
		}
		text := vm.convert(f, verb, arg(), escape)
		vm.Build(len(text))
		b.WriteString(text)
	}
	if used < len(args) && !mapping {
		Throw("TypeError", "not all arguments converted during string formatting")
	}
	return b.String()
}

// percentSpec reads flags, width and precision; a star takes an argument.
func (vm *VM) percentSpec(s string, next func() Value) (f spec, rest string) {
	f = spec{fill: ' ', align: '>', precision: -1}
	left := false
	for ; s != "" && strings.IndexByte("#0- +", s[0]) >= 0; s = s[1:] {
		switch s[0] {
		case '#':
			f.alternate = true
		case '0':
			f.fill, f.align = '0', '='
		case '-':
			left = true
		case ' ':
			if f.sign != '+' {
				f.sign = ' '
			}
		case '+':
			f.sign = '+'
		}
	}
	count := func() int {
		if strings.HasPrefix(s, "*") {
			s = s[1:]
			n := next()
			if _, ok := whole(n); !ok {
				Throw("TypeError", "* wants int")
			}
			return int(min(max(vm.Index(n), -1<<20), 1<<20))
		}
		n := 0
		for ; s != "" && isDigit(s[0]); s = s[1:] {
			n = min(10*n+int(s[0]-'0'), maxWidth+1)
		}
		return n
	}
	if f.width = count(); f.width < 0 {
		left, f.width = true, -f.width
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		f.precision = max(0, count())
	}
	if left {
		f.fill, f.align = ' ', '<'
	}
	f.check()
	return f, strings.TrimLeft(s, "hlL")
}

func (vm *VM) convert(f spec, verb rune, v Value, escape func(Value, string) string) string {
	switch verb {
	case 's', 'r', 'a':
		text := ""
		switch verb {
		case 's':
			text = escape(v, vm.Str(v))
		case 'r':
			text = escape(nil, vm.Repr(v))
		default:
			text = escape(nil, ascii(vm.Repr(v)))
		}
		if f.align == '=' {
			f.fill, f.align = ' ', '>'
		}
		return vm.pads(vm.cut(text, f.precision), f)
	case 'c':
		text, ok := Text(v)
		if n, isInt := v.(int64); isInt && n >= 0 && n <= utf8.MaxRune {
			text, ok = string(rune(n)), true
		}
		if !ok || utf8.RuneCountInString(text) != 1 {
			Throw("TypeError", "%%c requires int or char")
		}
		if f.align == '=' {
			f.fill, f.align = ' ', '>'
		}
		return vm.pads(text, f)
	case 'd', 'i', 'u':
		switch x := v.(type) {
		case float64:
			v = Truncate(x)
		case *Undefined:
			x.Fail() // its __int__ does
		}
		return vm.percentInt(f, 'd', v)
	case 'x', 'X', 'o':
		return vm.percentInt(f, byte(verb), v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if u, ok := v.(*Undefined); ok {
			u.Fail()
		}
		if !IsNumber(v) {
			Throw("TypeError", "must be real number, not %s", TypeName(v))
		}
		f.verb = byte(verb)
		return vm.formatFloat(toFloat(v), f)
	}
	Throw("ValueError", "unsupported format character %s", quote(string(verb)))
	return ""
}

func (vm *VM) percentInt(f spec, verb byte, v Value) string {
	n, ok := whole(v)
	if !ok {
		Throw("TypeError", "%%%c format: a real number is required, not %s", verb, TypeName(v))
	}
	f.verb = verb
	digits := f.precision
	f.precision = -1
	return vm.formatInt(n, f, max(digits, 0))
}

// Truncate is int(f).
func Truncate(f float64) Value {
	if math.IsNaN(f) {
		Throw("ValueError", "cannot convert float NaN to integer")
	}
	if math.IsInf(f, 0) {
		Throw("OverflowError", "cannot convert float infinity to integer")
	}
	n, _ := big.NewFloat(f).Int(nil)
	return norm(n)
}

func ascii(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteString(escapeRune(r))
		}
	}
	return b.String()
}

// Format is s.format(*args, **kwargs); where s is Markup, what it is filled with is escaped.
func (vm *VM) Format(s string, a Args, markup bool) string {
	f := formatter{vm: vm, markup: markup, field: func(first string, n int) Value {
		if n >= 0 {
			if n >= len(a.Pos) {
				Throw("IndexError", "Replacement index %d out of range for positional args tuple", n)
			}
			return a.Pos[n]
		}
		for _, kw := range a.Kw {
			if kw.Name == first {
				return kw.Value
			}
		}
		Throw("KeyError", "%s", quote(first))
		return nil
	}}
	return f.format(s, 2)
}

func (vm *VM) formatMap(s string, mapping Value, markup bool) string {
	f := formatter{vm: vm, markup: markup, field: func(first string, n int) Value {
		if n >= 0 {
			Throw("ValueError", "Format string contains positional fields")
		}
		v, ok := vm.Subscript(mapping, first)
		if !ok {
			Throw("KeyError", "%s", quote(first))
		}
		return v
	}}
	return f.format(s, 2)
}

type formatter struct {
	vm        *VM
	field     func(name string, index int) Value
	auto      int
	automatic bool
	numbered  bool
	markup    bool
}

func (f *formatter) format(s string, depth int) string {
	if depth == 0 {
		Throw("ValueError", "Max string recursion exceeded")
	}
	var b strings.Builder
	for s != "" {
		at := strings.IndexAny(s, "{}")
		if at < 0 {
			at = len(s)
		}
		f.vm.Build(at + 1)
		b.WriteString(s[:at])
		if s = s[at:]; s == "" {
			break
		}
		if len(s) > 1 && s[1] == s[0] {
			b.WriteByte(s[0])
			s = s[2:]
			continue
		}
		if s[0] == '}' {
			Throw("ValueError", "Single '}' encountered in format string")
		}
		end := closing(s)
		if end < 0 {
			Throw("ValueError", "expected '}' before end of string")
		}
		text := f.replace(s[1:end], depth)
		f.vm.Build(len(text))
		b.WriteString(text)
		s = s[end+1:]
	}
	return b.String()
}

// closing returns where the field that begins s ends.
func closing(s string) int {
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

func (f *formatter) replace(field string, depth int) string {
	end := 0 // of the name: the first ! or : outside brackets
	for inside := false; end < len(field) && (inside || field[end] != '!' && field[end] != ':'); end++ {
		inside = field[end] == '[' || inside && field[end] != ']'
	}
	name, rest := field[:end], field[end:]
	v := f.lookup(name)
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 || len(rest) > 2 && rest[2] != ':' {
			Throw("ValueError", "expected ':' after conversion specifier")
		}
		switch rest[1] {
		case 's':
			v = f.vm.Str(v)
		case 'r':
			v = f.vm.Repr(v)
		case 'a':
			v = ascii(f.vm.Repr(v))
		default:
			Throw("ValueError", "Unknown conversion specifier %s", rest[1:2])
		}
		rest = rest[2:]
	}
	how := strings.TrimPrefix(rest, ":")
	if how != "" {
		how = f.format(how, depth-1)
	}
	safe, isSafe := v.(Markup)
	switch {
	case f.markup && isSafe && how != "":
		Throw("ValueError", "Unsupported format specification for Markup.")
	case f.markup && isSafe:
		return string(safe)
	case f.markup:
		return string(f.vm.Escape(f.vm.FormatSpec(v, how)))
	}
	return f.vm.FormatSpec(v, how)
}

// lookup finds a field such as name, 0, or a.b[c].
func (f *formatter) lookup(path string) Value {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	first, rest := path[:end], path[end:]
	index := -1
	if n, ok := f.vm.ParseInt(first, 10); ok && isDigit(first[0]) {
		f.numbered = true
		index = int(min(f.vm.Index(n), 1<<30))
	} else if first == "" {
		f.automatic = true
		index = f.auto
		f.auto++
	}
	if f.numbered && f.automatic {
		Throw("ValueError", "cannot switch between manual field specification and automatic field numbering")
	}
	v := f.field(first, index)
	for rest != "" {
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			v, rest = f.vm.GetAttr(v, rest[1:end]), rest[end:]
			continue
		}
		key, after, ok := strings.Cut(rest[1:], "]")
		if !ok || rest[0] != '[' {
			Throw("ValueError", "Only '.' or '[' may follow ']' in format field specifier")
		}
		rest = after
		if n, isInt := f.vm.ParseInt(key, 10); isInt && isDigit(key[0]) {
			v = f.vm.GetItem(v, n)
		} else {
			v = f.vm.GetItem(v, key)
		}
	}
	return v
}
