package py

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A strMethod is a method of str.
type strMethod func(vm *VM, s string, a Args) Value

// findStrMethod returns the method of str with this name, or nil.
func findStrMethod(name string) strMethod {
	if m := findStrTest(name); m != nil {
		return m
	}
	switch name {
	case "upper":
		return mapped(name, upper)
	case "lower":
		return mapped(name, lower)
	case "swapcase":
		return mapped(name, swapcase)
	case "capitalize":
		return mapped(name, func(s string) string {
			return title(s, func(i int, _ bool) bool { return i == 0 })
		})
	case "title":
		return mapped(name, func(s string) string {
			return title(s, func(_ int, afterCased bool) bool { return !afterCased })
		})
	case "strip":
		return stripper(name, strings.TrimFunc)
	case "lstrip":
		return stripper(name, strings.TrimLeftFunc)
	case "rstrip":
		return stripper(name, strings.TrimRightFunc)
	case "split", "rsplit":
		return func(vm *VM, s string, a Args) Value { return vm.split(name, s, a) }
	case "splitlines":
		return func(vm *VM, s string, a Args) Value {
			keep := a.Bind(name, "keepends?")[0]
			vm.read(len(s))
			return vm.texts(splitLines(s, vm.Truth(keep)))
		}
	case "partition", "rpartition":
		return func(vm *VM, s string, a Args) Value { return vm.partition(name, s, a) }
	case "startswith":
		return affix(name, strings.HasPrefix)
	case "endswith":
		return affix(name, strings.HasSuffix)
	case "removeprefix":
		return func(vm *VM, s string, a Args) Value {
			return strings.TrimPrefix(s, wantText(a.Bind(name, "_prefix")[0]))
		}
	case "removesuffix":
		return func(vm *VM, s string, a Args) Value {
			return strings.TrimSuffix(s, wantText(a.Bind(name, "_suffix")[0]))
		}
	case "replace":
		return func(vm *VM, s string, a Args) Value {
			p := a.Bind(name, "_old", "_new", "_count?")
			return vm.Replace(s, wantText(p[0]), wantText(p[1]), vm.optIndex(p[2], -1))
		}
	case "join":
		return func(vm *VM, s string, a Args) Value { return vm.join(s, a.Bind(name, "_iterable")[0]) }
	case "find", "rfind", "index", "rindex", "count":
		return func(vm *VM, s string, a Args) Value { return vm.find(name, s, a) }
	case "center", "ljust", "rjust", "zfill", "expandtabs":
		return func(vm *VM, s string, a Args) Value { return vm.pad(name, s, a) }
	case "format":
		return func(vm *VM, s string, a Args) Value { return vm.Format(s, a, false) }
	case "format_map":
		return func(vm *VM, s string, a Args) Value {
			return vm.formatMap(s, a.Bind(name, "_mapping")[0], false)
		}
	case "casefold":
		return mapped(name, casefold)
	case "encode", "translate", "maketrans":
		return func(*VM, string, Args) Value {
			Throw("TypeError", "str.%s is not supported here", name)
			return nil
		}
	}
	return nil
}

func mapped(name string, f func(string) string) strMethod {
	return func(vm *VM, s string, a Args) Value {
		a.Bind(name)
		vm.read(len(s))
		vm.Build(len(s))
		return f(s)
	}
}

func stripper(name string, trim func(string, func(rune) bool) string) strMethod {
	return func(vm *VM, s string, a Args) Value {
		vm.read(len(s))
		if chars := a.Bind(name, "_chars?")[0]; chars != nil && chars != None {
			set := wantText(chars)
			return trim(s, func(r rune) bool { vm.Scan(len(set)); return strings.ContainsRune(set, r) })
		}
		return trim(s, IsSpace)
	}
}

// findStrTest returns the str.is… method with this name, or nil.
func findStrTest(name string) strMethod {
	switch name {
	case "isalpha":
		return every(name, unicode.IsLetter)
	case "isdigit":
		return every(name, isDigitRune)
	case "isdecimal":
		return every(name, isDecimal)
	case "isnumeric":
		return every(name, isNumeric)
	case "isalnum":
		return every(name, isAlnum)
	case "isspace":
		return every(name, IsSpace)
	case "isprintable":
		return judged(name, func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) })
	case "isascii":
		return judged(name, isASCII)
	case "islower":
		return judged(name, IsLowerText)
	case "isupper":
		return judged(name, IsUpperText)
	case "isidentifier":
		return judged(name, IsIdentifier)
	case "istitle":
		return judged(name, isTitleText)
	}
	return nil
}

func every(name string, is func(rune) bool) strMethod {
	return judged(name, func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !is(r) })
	})
}

func judged(name string, is func(string) bool) strMethod {
	return func(vm *VM, s string, a Args) Value {
		a.Bind(name)
		vm.read(len(s))
		return is(s)
	}
}

func wantText(v Value) string {
	s, ok := Text(v)
	if !ok {
		Throw("TypeError", "expected str, not %s", TypeName(v))
	}
	return s
}

func (vm *VM) optIndex(v Value, missing int64) int64 {
	if v == nil || v == None {
		return missing
	}
	return vm.Index(v)
}

func (vm *VM) texts(parts []string) *List {
	vm.Grow(len(parts))
	made := make([]Value, len(parts))
	for i, s := range parts {
		made[i] = s
	}
	return &List{Items: made}
}

func (vm *VM) split(name, s string, a Args) Value {
	p := a.Bind(name, "sep?", "maxsplit?")
	limit := -1
	if n := vm.optIndex(p[1], -1); n >= 0 && n < math.MaxInt32 {
		limit = int(n)
	}
	vm.read(len(s))
	if p[0] == nil || p[0] == None {
		return vm.texts(splitSpace(s, limit, name == "rsplit"))
	}
	sep := wantText(p[0])
	if sep == "" {
		Throw("ValueError", "empty separator")
	}
	vm.Grow(strings.Count(s, sep))
	if name == "split" {
		return vm.texts(strings.SplitN(s, sep, limit+1+min(0, limit)))
	}
	var parts []string // from the end
	for limit != 0 {
		at := strings.LastIndex(s, sep)
		if at < 0 {
			break
		}
		parts = append(parts, s[at+len(sep):])
		s, limit = s[:at], limit-1
	}
	parts = append(parts, s)
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return vm.texts(parts)
}

// splitSpace splits at runs of white space, at most limit times unless limit is negative.
func splitSpace(s string, limit int, fromEnd bool) []string {
	if limit < 0 {
		return strings.FieldsFunc(s, IsSpace)
	}
	var parts []string
	if !fromEnd {
		for s = strings.TrimLeftFunc(s, IsSpace); s != ""; s = strings.TrimLeftFunc(s, IsSpace) {
			at := strings.IndexFunc(s, IsSpace)
			if limit == 0 || at < 0 {
				if limit > 0 {
					s = strings.TrimRightFunc(s, IsSpace)
				}
				return append(parts, s)
			}
			parts, s, limit = append(parts, s[:at]), s[at:], limit-1
		}
		return parts
	}
	for s = strings.TrimRightFunc(s, IsSpace); s != ""; s = strings.TrimRightFunc(s, IsSpace) {
		at := strings.LastIndexFunc(s, IsSpace)
		if limit == 0 || at < 0 {
			parts = append(parts, s)
			break
		}
		_, w := utf8.DecodeRuneInString(s[at:])
		parts, s, limit = append(parts, s[at+w:]), s[:at], limit-1
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return parts
}

func endsLine(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

// SplitLines is s.splitlines().
func SplitLines(s string) []string { return splitLines(s, false) }

func splitLines(s string, keep bool) []string {
	var lines []string
	for s != "" {
		at := strings.IndexFunc(s, endsLine)
		if at < 0 {
			return append(lines, s)
		}
		_, w := utf8.DecodeRuneInString(s[at:])
		if strings.HasPrefix(s[at:], "\r\n") {
			w = 2
		}
		if keep {
			lines = append(lines, s[:at+w])
		} else {
			lines = append(lines, s[:at])
		}
		s = s[at+w:]
	}
	return lines
}

func (vm *VM) partition(name, s string, a Args) Value {
	sep := wantText(a.Bind(name, "_sep")[0])
	if sep == "" {
		Throw("ValueError", "empty separator")
	}
	vm.Scan(len(s))
	if name == "partition" {
		before, after, found := strings.Cut(s, sep)
		if !found {
			sep = ""
		}
		return NewTuple(before, sep, after)
	}
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return NewTuple("", "", s)
	}
	return NewTuple(s[:at], sep, s[at+len(sep):])
}

func affix(name string, has func(s, part string) bool) strMethod {
	return func(vm *VM, s string, a Args) Value {
		p := a.Bind(name, "_prefix", "_start?", "_end?")
		s, _, inside := vm.window(s, p[1], p[2])
		parts := []Value{p[0]}
		if t, ok := p[0].(*Tuple); ok {
			parts = t.Items
		}
		vm.Step(len(parts))
		for _, part := range parts {
			if inside && has(s, wantText(part)) {
				return true
			}
		}
		return false
	}
}

// window is s[start:end], and the code points before it; inside is false where start lies beyond the end of s.
func (vm *VM) window(s string, start, end Value) (cut string, before int, inside bool) {
	if (start == nil || start == None) && (end == nil || end == None) {
		return s, 0, true
	}
	n := vm.runes(s)
	inside = vm.optIndex(start, 0) <= int64(n)
	before, _, _, count := vm.sliceBounds(n, start, end, nil)
	if count == 0 && end != nil && end != None && inside { // an empty window lies inside only where start is not after end
		_, _, _, to := vm.sliceBounds(n, nil, end, nil)
		inside = before <= to
	}
	return cutText(s, n, before, 1, count), before, inside
}

func (vm *VM) find(name, s string, a Args) Value {
	p := a.Bind(name, "_sub", "_start?", "_end?")
	sub := wantText(p[0])
	cut, before, inside := vm.window(s, p[1], p[2])
	vm.Scan(len(cut))
	if name == "count" {
		if !inside {
			return int64(0)
		}
		return int64(strings.Count(cut, sub))
	}
	at := -1
	if inside {
		at = strings.Index(cut, sub)
		if name[0] == 'r' {
			at = strings.LastIndex(cut, sub)
		}
	}
	if at < 0 {
		if strings.HasSuffix(name, "index") {
			Throw("ValueError", "substring not found")
		}
		return int64(-1)
	}
	return int64(before + vm.runes(cut[:at]))
}

// Replace is s.replace(old, new, n); all are replaced where n is negative.
func (vm *VM) Replace(s, old, new string, n int64) string {
	times := n
	if n != 0 {
		vm.Scan(len(s))
		times = int64(strings.Count(s, old))
		if n > 0 {
			times = min(times, n)
		}
	}
	vm.Build(len(s))
	if len(new) > 0 && times > math.MaxInt32 {
		Throw("ResourceError", "the template builds too much text")
	}
	vm.Build(int(times) * len(new))
	return strings.Replace(s, old, new, int(times))
}

func (vm *VM) join(sep string, v Value) string {
	var b strings.Builder
	next := vm.MustIter(v)
	for i := 0; ; i++ {
		item, ok := next()
		if !ok {
			return b.String()
		}
		s, isText := Text(item)
		if !isText {
			Throw("TypeError", "sequence item %d: expected str instance, %s found", i, TypeName(item))
		}
		if i > 0 {
			s = sep + s
		}
		vm.Build(len(s))
		b.WriteString(s)
	}
}
