package py

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

const (
	maxBits   = 1 << 16 // of an int that an operation may make
	maxDigits = 4300    // of an int that is read or printed: CPython's own bound
)

// whole returns a number's value as a big.Int if it is an int or a bool.
func whole(v Value) (*big.Int, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

// small returns a number's value as an int64 if it is an int that fits, or a bool.
func small(v Value) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	}
	return 0, false
}

// Index is the whole number v where Python wants one, as in a range; anything but an int or a bool is a TypeError. An int beyond 64
// bits becomes the nearest that fits.
func (vm *VM) Index(v Value) int64 {
	if n, ok := small(v); ok {
		return n
	}
	if n, ok := v.(*big.Int); ok {
		if n.Sign() < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	if u, ok := v.(*Undefined); ok {
		u.Fail()
	}
	Throw("TypeError", "'%s' object cannot be interpreted as an integer", TypeName(v))
	return 0
}

func norm(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	if n.BitLen() > maxBits {
		Throw("OverflowError", "an int of more than %d bits", maxBits)
	}
	return n
}

// toFloat returns a number as a float; an int beyond the floats is an OverflowError.
func toFloat(v Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			Throw("OverflowError", "int too large to convert to float")
		}
		return f
	}
	n, _ := small(v)
	return float64(n)
}

// arith is a op b of two numbers.
func (vm *VM) arith(op string, a, b Value) Value {
	_, fa := a.(float64)
	_, fb := b.(float64)
	if fa || fb {
		return floatArith(op, toFloat(a), toFloat(b))
	}
	if x, ok := small(a); ok {
		if y, ok := small(b); ok {
			if v, ok := smallArith(op, x, y); ok {
				return v
			}
		}
	}
	x, _ := whole(a)
	y, _ := whole(b)
	vm.Step((x.BitLen() + y.BitLen()) >> 6)
	switch op {
	case "+":
		return norm(new(big.Int).Add(x, y))
	case "-":
		return norm(new(big.Int).Sub(x, y))
	case "*":
		return norm(new(big.Int).Mul(x, y))
	case "**":
		return vm.power(x, y)
	}
	if y.Sign() == 0 {
		Throw("ZeroDivisionError", "division by zero")
	}
	if op == "/" {
		f, _ := new(big.Rat).SetFrac(x, y).Float64()
		if math.IsInf(f, 0) {
			Throw("OverflowError", "integer division result too large for a float")
		}
		if x.Sign() == 0 && y.Sign() < 0 {
			f = math.Copysign(0, -1)
		}
		return f
	}
	q, m := new(big.Int).QuoRem(x, y, new(big.Int))
	if m.Sign() != 0 && m.Sign() != y.Sign() { // Python rounds down, Go toward zero
		q.Sub(q, big.NewInt(1))
		m.Add(m, y)
	}
	if op == "//" {
		return norm(q)
	}
	return norm(m)
}

// smallArith does what needs no big numbers.
func smallArith(op string, x, y int64) (Value, bool) {
	switch op {
	case "+":
		if s := x + y; (s > x) == (y > 0) {
			return s, true
		}
	case "-":
		if s := x - y; (s < x) == (y > 0) {
			return s, true
		}
	case "*":
		const half = 1 << 31
		if x > -half && x < half && y > -half && y < half {
			return x * y, true
		}
	case "/":
		const exact = 1 << 53 // both are floats exactly, so one division rounds once
		if y != 0 && x > -exact && x < exact && y > -exact && y < exact {
			return float64(x) / float64(y), true
		}
	case "//", "%":
		if y == 0 || y == -1 {
			return nil, false
		}
		q, m := x/y, x%y
		if m != 0 && (m < 0) != (y < 0) {
			q, m = q-1, m+y
		}
		if op == "//" {
			return q, true
		}
		return m, true
	}
	return nil, false
}

func (vm *VM) power(x, y *big.Int) Value {
	if y.Sign() < 0 {
		if x.Sign() == 0 {
			Throw("ZeroDivisionError", "0.0 cannot be raised to a negative power")
		}
		return floatArith("**", toFloat(norm(x)), toFloat(norm(y)))
	}
	if x.BitLen() > 1 {
		if _, over := bits.Mul64(uint64(x.BitLen()-1), y.Uint64()); !y.IsUint64() || y.Uint64() > maxBits || over > maxBits {
			Throw("OverflowError", "an int of more than %d bits", maxBits)
		}
		if uint64(x.BitLen()-1)*y.Uint64() > maxBits {
			Throw("OverflowError", "an int of more than %d bits", maxBits)
		}
		vm.Step(int(y.Uint64()))
	} else if !y.IsUint64() || y.Uint64() > 2 { // 0, 1 or -1: only whether y is zero or odd matters
		y = new(big.Int).SetUint64(2 + uint64(y.Bit(0)))
	}
	return norm(new(big.Int).Exp(x, y, nil))
}

func floatArith(op string, x, y float64) Value {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "**":
		if x == 0 && y < 0 {
			Throw("ZeroDivisionError", "0.0 cannot be raised to a negative power")
		}
		r := math.Pow(x, y)
		if math.IsNaN(r) && !math.IsNaN(x) && !math.IsNaN(y) {
			Throw("TypeError", "complex numbers are not supported")
		}
		if math.IsInf(r, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
			Throw("OverflowError", "(34, 'Numerical result out of range')")
		}
		return r
	}
	if y == 0 {
		Throw("ZeroDivisionError", "float division by zero")
	}
	if op == "/" {
		return x / y
	}
	m := math.Mod(x, y)
	q := (x - m) / y
	if m != 0 {
		if (y < 0) != (m < 0) {
			m += y
			q--
		}
	} else {
		m = math.Copysign(0, y)
	}
	if op == "%" {
		return m
	}
	if q == 0 {
		return math.Copysign(0, x/y)
	}
	f := math.Floor(q)
	if q-f > 0.5 {
		f++
	}
	return f
}

// Neg is -v.
func (vm *VM) Neg(v Value) Value {
	switch v := v.(type) {
	case float64:
		return -v
	case *Undefined:
		v.Fail()
	}
	n, ok := whole(v)
	if !ok {
		Throw("TypeError", "bad operand type for unary -: '%s'", TypeName(v))
	}
	return norm(new(big.Int).Neg(n))
}

// Pos is +v.
func (vm *VM) Pos(v Value) Value {
	switch v := v.(type) {
	case float64:
		return v
	case *Undefined:
		v.Fail()
	}
	n, ok := whole(v)
	if !ok {
		Throw("TypeError", "bad operand type for unary +: '%s'", TypeName(v))
	}
	return norm(n)
}

// cmpNumbers orders two numbers exactly; ok is false where one is NaN.
func cmpNumbers(a, b Value) (order int, ok bool) {
	x, okx := small(a)
	y, oky := small(b)
	if okx && oky {
		switch {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	}
	exact := func(v Value) *big.Float {
		if f, isFloat := v.(float64); isFloat {
			if math.IsNaN(f) {
				return nil
			}
			return big.NewFloat(f)
		}
		n, _ := whole(v)
		return new(big.Float).SetPrec(uint(max(n.BitLen(), 64))).SetInt(n)
	}
	fx, fy := exact(a), exact(b)
	if fx == nil || fy == nil {
		return 0, false
	}
	return fx.Cmp(fy), true
}

// ParseInt is int(text, base); ok is false where Python raises a ValueError.
func (vm *VM) ParseInt(text string, base int) (v Value, ok bool) {
	text = strings.TrimFunc(text, IsSpace)
	vm.Scan(len(text))
	digits, sign := strings.TrimLeft(text, "+-"), text
	if len(text)-len(digits) > 1 || digits == "" || base < 0 || base == 1 || base > 36 {
		return nil, false
	}
	if lower := strings.ToLower(digits); len(lower) > 2 && lower[0] == '0' {
		for prefix, of := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
			if lower[:2] == prefix && (base == of || base == 0) {
				digits, base = strings.TrimPrefix(digits[2:], "_"), of
			}
		}
	}
	if base == 0 {
		if base = 10; digits[0] == '0' && strings.Trim(digits, "0_") != "" {
			return nil, false
		}
	}
	plain := strings.ReplaceAll(digits, "_", "")
	if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") || strings.ContainsAny(plain, "+-") {
		return nil, false
	}
	if len(plain) > maxDigits {
		Throw("ValueError", "Exceeds the limit (%d digits) for integer string conversion", maxDigits)
	}
	n, ok := new(big.Int).SetString(plain, base)
	if !ok {
		return nil, false
	}
	if sign[0] == '-' {
		n.Neg(n)
	}
	return norm(n), true
}

// ParseFloat is float(text); ok is false where Python raises a ValueError.
func ParseFloat(text string) (f float64, ok bool) {
	text = strings.TrimFunc(text, IsSpace)
	plain := strings.ReplaceAll(text, "_", "")
	if plain != text { // an underscore stands between two digits only
		for i, c := range []byte(text) {
			if c == '_' && (i == 0 || i == len(text)-1 || !isDigit(text[i-1]) || !isDigit(text[i+1])) {
				return 0, false
			}
		}
	}
	if strings.ContainsAny(plain, "xXpP") { // Go reads hexadecimal floats, Python does not
		return 0, false
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Float is float(v) of a number; an int beyond the floats is an OverflowError, anything but a number a TypeError.
func Float(v Value) float64 {
	if !IsNumber(v) {
		Throw("TypeError", "must be real number, not %s", TypeName(v))
	}
	return toFloat(v)
}
