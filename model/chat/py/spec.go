package py

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A spec is a format specification: [[fill]align][sign][#][0][width][grouping][.precision][type].
type spec struct {
	fill      rune
	align     byte // < > = ^, or 0 for the type's own
	sign      byte // + or a space; 0 for minus only
	alternate bool
	width     int
	group     string // "", "," or "_"
	precision int    // -1 where there is none
	verb      byte   // 0 where there is none
}

const maxWidth = 1 << 20

func (f spec) check() {
	if f.width > maxWidth || f.precision > maxWidth {
		Throw("ResourceError", "a width or precision over %d", maxWidth)
	}
}

func parseSpec(s string) spec {
	f := spec{fill: ' ', precision: -1}
	if s == "" {
		return f
	}
	_, w := utf8.DecodeRuneInString(s)
	switch {
	case len(s) > w && strings.IndexByte("<>=^", s[w]) >= 0:
		f.fill, _ = utf8.DecodeRuneInString(s)
		f.align = s[w]
		s = s[w+1:]
	case strings.IndexByte("<>=^", s[0]) >= 0:
		f.align = s[0]
		s = s[1:]
	}
	take := func(set string) byte {
		if s == "" || strings.IndexByte(set, s[0]) < 0 {
			return 0
		}
		c := s[0]
		s = s[1:]
		return c
	}
	number := func() int {
		n := 0
		for s != "" && isDigit(s[0]) {
			n = min(10*n+int(take("0123456789")-'0'), maxWidth+1)
		}
		return n
	}
	if f.sign = take("+- "); f.sign == '-' {
		f.sign = 0
	}
	f.alternate = take("#") != 0
	if take("0") != 0 {
		if f.align == 0 {
			f.fill, f.align = '0', '='
		}
	}
	f.width = number()
	if g := take(",_"); g != 0 {
		f.group = string(g)
	}
	if take(".") != 0 {
		if s == "" || !isDigit(s[0]) {
			Throw("ValueError", "Format specifier missing precision")
		}
		f.precision = number()
	}
	if len(s) > 1 {
		Throw("ValueError", "Invalid format specifier")
	}
	if s != "" {
		f.verb = s[0]
	}
	f.check()
	return f
}

// FormatSpec is format(v, how).
func (vm *VM) FormatSpec(v Value, how string) string {
	if how == "" {
		return vm.Str(v)
	}
	f := parseSpec(how)
	switch v := v.(type) {
	case string:
		if f.verb != 0 && f.verb != 's' || f.align == '=' && f.fill != '0' || f.sign != 0 || f.alternate || f.group != "" {
			Throw("ValueError", "Invalid format specifier '%s' for object of type 'str'", how)
		}
		if f.align == '=' || f.align == 0 {
			f.align = '<'
		}
		return vm.pads(vm.cut(v, f.precision), f)
	case float64:
		return vm.formatFloat(v, f)
	case bool, int64, *big.Int:
		n, _ := whole(v)
		switch f.verb {
		case 'e', 'E', 'f', 'F', 'g', 'G', '%':
			return vm.formatFloat(toFloat(v), f)
		case 'c':
			return vm.pads(string(rune(vm.Index(v))), f)
		}
		if f.precision >= 0 {
			Throw("ValueError", "Precision not allowed in integer format specifier")
		}
		return vm.formatInt(n, f, 0)
	}
	Throw("TypeError", "unsupported format string passed to %s.__format__", TypeName(v))
	return ""
}

// formatInt writes n with at least this many digits.
func (vm *VM) formatInt(n *big.Int, f spec, digits int) string {
	base, prefix := 10, ""
	switch f.verb {
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.verb)
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	case 0, 'd', 'n':
	default:
		Throw("ValueError", "Unknown format code '%c' for object of type 'int'", f.verb)
	}
	text := ""
	if abs := new(big.Int).Abs(n); base == 10 {
		text = intText(abs)
	} else {
		text = abs.Text(base)
	}
	if f.verb == 'X' {
		text = strings.ToUpper(text)
	}
	text = strings.Repeat("0", max(0, digits-len(text))) + text
	if !f.alternate {
		prefix = ""
	}
	return vm.number(n.Sign() < 0, prefix, text, "", f)
}

func (vm *VM) formatFloat(x float64, f spec) string {
	if f.group != "" && f.verb == 'n' || f.verb != 0 && strings.IndexByte("eEfFgGn%", f.verb) < 0 {
		Throw("ValueError", "Unknown format code '%c' for object of type 'float'", f.verb)
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		text := strings.TrimPrefix(floatText(x), "-")
		if f.verb == 'E' || f.verb == 'F' || f.verb == 'G' {
			text = strings.ToUpper(text)
		}
		if f.verb == '%' {
			text += "%"
		}
		return vm.number(x < 0, "", "", text, f)
	}
	vm.Build(f.precision + 1)
	precision := f.precision
	if precision < 0 {
		precision = 6
	}
	abs, text := math.Abs(x), ""
	switch f.verb {
	case 'e', 'E':
		text = exponential(abs, precision)
	case 'f', 'F':
		text = strconv.FormatFloat(abs, 'f', precision, 64)
	case '%':
		text = strconv.FormatFloat(abs*100, 'f', precision, 64) + "%"
	case 0:
		if f.precision < 0 {
			text = floatText(abs)
		} else if text = general(abs, precision, false); !strings.ContainsAny(text, ".e") {
			text += ".0"
			if len(text) > max(precision, 1)+1 { // no room for the .0: Python then writes an exponent
				text = exponential(abs, max(precision, 1)-1)
			}
		}
	default:
		text = general(abs, precision, f.alternate)
	}
	if f.verb == 'E' || f.verb == 'G' {
		text = strings.ToUpper(text)
	}
	if f.alternate && precision == 0 && !strings.Contains(text, ".") {
		digits := strings.TrimRight(text, "%")
		text = digits + "." + text[len(digits):]
	}
	end := strings.IndexAny(text, ".eE%")
	if end < 0 {
		end = len(text)
	}
	return vm.number(math.Signbit(x), "", text[:end], text[end:], f)
}

// exponential writes x with one digit before the point, as C's %e.
func exponential(x float64, precision int) string {
	return strconv.FormatFloat(x, 'e', precision, 64)
}

// general is C's %g: precision significant digits, an exponent where that is shorter, zeros at the end left out unless kept.
func general(x float64, precision int, keep bool) string {
	precision = max(precision, 1)
	text := exponential(x, precision-1)
	mantissa, exp, _ := strings.Cut(text, "e")
	n, _ := strconv.Atoi(exp)
	exp = "e" + exp
	if n >= -4 && n < precision {
		mantissa, exp = strconv.FormatFloat(x, 'f', precision-1-n, 64), ""
	}
	if !keep && strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	return mantissa + exp
}

// number joins sign, prefix, digits and tail, groups the digits and pads.
func (vm *VM) number(negative bool, prefix, digits, tail string, f spec) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case f.sign != 0:
		sign = string(f.sign)
	}
	size := 3
	if f.verb == 'x' || f.verb == 'X' || f.verb == 'o' || f.verb == 'b' {
		size = 4
	}
	vm.Build(f.width + len(digits))
	grouped := group(digits, f.group, size)
	if f.align == '=' {
		for len(sign)+len(prefix)+len(grouped)+len(tail) < f.width {
			if f.fill == '0' && f.group != "" {
				digits = "0" + digits
				grouped = group(digits, f.group, size)
				continue
			}
			missing := f.width - len(sign) - len(prefix) - len(grouped) - len(tail)
			return sign + prefix + strings.Repeat(string(f.fill), missing) + grouped + tail
		}
	}
	if f.align == 0 {
		f.align = '>'
	}
	return vm.pads(sign+prefix+grouped+tail, f)
}

func group(digits, sep string, size int) string {
	if sep == "" {
		return digits
	}
	for at := len(digits) - size; at > 0; at -= size {
		digits = digits[:at] + sep + digits[at:]
	}
	return digits
}

// pads fills text up to the width.
func (vm *VM) pads(text string, f spec) string {
	missing := f.width - vm.runes(text)
	if missing <= 0 {
		return text
	}
	vm.Build(missing * utf8.RuneLen(f.fill))
	left := 0
	switch f.align {
	case '>', '=':
		left = missing
	case '^':
		left = missing / 2
	}
	fill := string(f.fill)
	return strings.Repeat(fill, left) + text + strings.Repeat(fill, missing-left)
}

func (vm *VM) cut(text string, precision int) string {
	if precision < 0 {
		return text
	}
	n := vm.runes(text)
	return cutText(text, n, 0, 1, min(n, precision))
}

// pad is center, ljust, rjust, zfill or expandtabs.
func (vm *VM) pad(name, s string, a Args) Value {
	if name == "expandtabs" {
		return vm.expandTabs(s, vm.optIndex(a.Bind(name, "tabsize?")[0], 8))
	}
	p := a.Bind(name, "_width", "_fillchar?")
	f := spec{fill: ' ', width: int(min(max(vm.Index(p[0]), 0), maxWidth+1))}
	f.check()
	if name == "zfill" {
		sign := ""
		if s != "" && (s[0] == '+' || s[0] == '-') {
			sign = s[:1]
		}
		f.width -= len(sign)
		f.fill, f.align = '0', '>'
		return sign + vm.pads(s[len(sign):], f)
	}
	if p[1] != nil {
		fill := wantText(p[1])
		if utf8.RuneCountInString(fill) != 1 {
			Throw("TypeError", "The fill character must be exactly one character long")
		}
		f.fill, _ = utf8.DecodeRuneInString(fill)
	}
	switch name {
	case "ljust":
		f.align = '<'
	case "rjust":
		f.align = '>'
	default:
		return vm.Center(s, f.width, f.fill)
	}
	return vm.pads(s, f)
}

// Center is s.center(width, fill): an odd space goes to the left where the width is odd too.
func (vm *VM) Center(s string, width int, fill rune) string {
	missing := max(0, width-vm.runes(s))
	left := missing/2 + missing&width&1
	s = vm.pads(s, spec{fill: fill, align: '>', width: width - (missing - left)})
	return vm.pads(s, spec{fill: fill, align: '<', width: width})
}

func (vm *VM) expandTabs(s string, size int64) string {
	size = min(max(size, 0), maxWidth)
	var b strings.Builder
	column := int64(0)
	for _, r := range s {
		vm.Build(utf8.RuneLen(r))
		switch r {
		case '\t':
			if size > 0 {
				vm.Build(int(size))
				b.WriteString(strings.Repeat(" ", int(size-column%size)))
				column += size - column%size
			}
			continue
		case '\n', '\r':
			column = -1
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}
