package filters

import (
	"fmt"
	"math"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

func abs(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("abs")
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	if !py.IsNumber(v) {
		py.Throw("TypeError", "bad operand type for abs(): '%s'", py.TypeName(v))
	}
	if r.VM.Compare("<", v, int64(0)) {
		return r.VM.Neg(v)
	}
	return r.VM.Pos(v)
}

func toInt(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("int", "default?", "base?")
	fallback, base := p[0], 10
	if fallback == nil {
		fallback = int64(0)
	}
	if p[1] != nil {
		base = int(r.VM.Index(p[1]))
	}
	var f float64
	switch v := v.(type) {
	case *py.Undefined:
		v.Fail()
	case float64:
		f = v
	case string, py.Markup:
		text, _ := py.Text(v)
		if n, ok := r.VM.ParseInt(text, base); ok {
			return n
		}
		var ok bool
		if f, ok = py.ParseFloat(text); !ok {
			return fallback
		}
	default:
		if py.IsNumber(v) {
			return r.VM.Pos(v)
		}
		return fallback
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if _, isText := py.Text(v); !isText && math.IsInf(f, 0) {
			py.Throw("OverflowError", "cannot convert float infinity to integer")
		}
		return fallback
	}
	return py.Truncate(f)
}

func toFloat(r *jinja.Run, v py.Value, a py.Args) py.Value {
	fallback := a.Bind("float", "default?")[0]
	if fallback == nil {
		fallback = 0.0
	}
	switch v := v.(type) {
	case *py.Undefined:
		v.Fail()
	case string, py.Markup:
		text, _ := py.Text(v)
		if f, ok := py.ParseFloat(text); ok {
			return f
		}
		return fallback
	}
	if py.IsNumber(v) {
		return py.Float(v)
	}
	return fallback
}

func round(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("round", "precision?", "method?")
	how, digits := "common", int64(0)
	if p[1] != nil {
		how = r.VM.Str(p[1])
	}
	if p[0] != nil {
		digits = r.VM.Index(p[0])
	}
	if how == "common" {
		return r.VM.Round(v, digits)
	}
	if how != "ceil" && how != "floor" {
		py.Throw("FilterArgumentError", "method must be common, ceil or floor")
	}
	scale := r.VM.Binary("**", int64(10), digits)
	scaled := py.Float(r.VM.Binary("*", v, scale))
	if how == "ceil" {
		scaled = math.Ceil(scaled)
	} else {
		scaled = math.Floor(scaled)
	}
	return r.VM.Binary("/", py.Truncate(scaled), scale)
}

func fileSize(r *jinja.Run, v py.Value, a py.Args) py.Value {
	binary := r.VM.Truth(a.Bind("filesizeformat", "binary?")[0])
	size, ok := toFloat(r, v, py.Args{Pos: []py.Value{py.None}}).(float64)
	if !ok {
		kind := "TypeError"
		if _, isText := py.Text(v); isText {
			kind = "ValueError"
		}
		py.Throw(kind, "could not convert %s to a number of bytes", py.TypeName(v))
	}
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	if size == 1 {
		return "1 Byte"
	}
	if size < base {
		return r.VM.Str(py.Truncate(size)) + " Bytes"
	}
	unit := base
	for i, name := range units {
		if unit *= base; size < unit || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", base*size/unit, name)
		}
	}
	return ""
}
