package filters

import (
	"math"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// Tests returns Jinja's own tests.
func Tests() map[string]jinja.Test {
	return map[string]jinja.Test{
		"boolean":   kindTest(func(v py.Value) bool { _, ok := v.(bool); return ok }),
		"callable":  kindTest(py.Callable),
		"defined":   kindTest(func(v py.Value) bool { _, ok := v.(*py.Undefined); return !ok }),
		"undefined": kindTest(func(v py.Value) bool { _, ok := v.(*py.Undefined); return ok }),
		"escaped":   kindTest(func(v py.Value) bool { _, ok := v.(py.Markup); return ok }),
		"false":     kindTest(func(v py.Value) bool { return v == false }),
		"true":      kindTest(func(v py.Value) bool { return v == true }),
		"float":     kindTest(func(v py.Value) bool { _, ok := v.(float64); return ok }),
		"integer":   kindTest(isInteger),
		"mapping":   kindTest(func(v py.Value) bool { _, ok := v.(*py.Dict); return ok }),
		"none":      kindTest(func(v py.Value) bool { return v == py.None }),
		"number":    kindTest(py.IsNumber),
		"string":    kindTest(func(v py.Value) bool { _, ok := py.Text(v); return ok }),

		"divisibleby": divisibleBy,
		"even":        remainder(0),
		"odd":         remainder(1),
		"in": func(r *jinja.Run, v py.Value, a py.Args) bool {
			return r.VM.Contains(a.Bind("in", "seq")[0], v)
		},
		"iterable": func(r *jinja.Run, v py.Value, a py.Args) bool {
			a.Bind("iterable")
			_, ok := r.VM.Iter(v)
			return ok
		},
		"sequence": isSequence,
		"lower": func(r *jinja.Run, v py.Value, a py.Args) bool {
			a.Bind("lower")
			return py.IsLowerText(r.VM.Str(v))
		},
		"upper": func(r *jinja.Run, v py.Value, a py.Args) bool {
			a.Bind("upper")
			return py.IsUpperText(r.VM.Str(v))
		},
		"sameas": func(_ *jinja.Run, v py.Value, a py.Args) bool { return py.Is(v, a.Bind("sameas", "other")[0]) },
		"filter": func(r *jinja.Run, v py.Value, a py.Args) bool {
			a.Bind("filter")
			py.Hashable(v)
			name, ok := py.Text(v)
			return ok && r.HasFilter(name)
		},
		"test": func(r *jinja.Run, v py.Value, a py.Args) bool {
			a.Bind("test")
			py.Hashable(v)
			name, ok := py.Text(v)
			return ok && r.HasTest(name)
		},

		"==": equal, "eq": equal, "equalto": equal,
		"!=": unequal, "ne": unequal,
		"<": ordered("<"), "lt": ordered("<"), "lessthan": ordered("<"),
		"<=": ordered("<="), "le": ordered("<="),
		">": ordered(">"), "gt": ordered(">"), "greaterthan": ordered(">"),
		">=": ordered(">="), "ge": ordered(">="),
	}
}

func kindTest(is func(py.Value) bool) jinja.Test {
	return func(_ *jinja.Run, v py.Value, a py.Args) bool {
		a.Bind("test")
		return is(v)
	}
}

func isInteger(v py.Value) bool {
	switch v.(type) {
	case bool, float64:
		return false
	}
	return py.IsNumber(v)
}

// isSequence: what has a length and can be subscripted.
func isSequence(r *jinja.Run, v py.Value, a py.Args) bool {
	a.Bind("sequence")
	switch v.(type) {
	case string, py.Markup, *py.List, *py.Tuple, *py.Dict, *py.Range, *py.Undefined:
		return true
	}
	return false
}

func equal(r *jinja.Run, v py.Value, a py.Args) bool { return r.VM.Equal(v, a.Bind("eq", "_other")[0]) }

func unequal(r *jinja.Run, v py.Value, a py.Args) bool { return !equal(r, v, a) }

func ordered(op string) jinja.Test {
	return func(r *jinja.Run, v py.Value, a py.Args) bool { return r.VM.Compare(op, v, a.Bind(op, "_other")[0]) }
}

// remainder is odd or even. On text, % formats; what comes out equals no number.
func remainder(want int64) jinja.Test {
	return func(r *jinja.Run, v py.Value, a py.Args) bool {
		a.Bind("odd or even")
		return r.VM.Equal(r.VM.Binary("%", v, int64(2)), want)
	}
}

func divisibleBy(r *jinja.Run, v py.Value, a py.Args) bool {
	left := r.VM.Binary("%", v, a.Bind("divisibleby", "num")[0])
	if f, ok := left.(float64); ok && math.IsNaN(f) {
		return false
	}
	return r.VM.Equal(left, int64(0))
}
