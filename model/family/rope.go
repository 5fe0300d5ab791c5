package family

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
)

// rope reads the rotary embedding of all layers: rope_parameters (transformers 5), or rope_theta beside rope_scaling (before).
func rope(f *fields, c *model.Config, theta float64) model.Rope {
	return flat(f, reader{c: c, theta: real(f, "rope_theta", theta)})
}

// partialRope is rope for the families that may turn a part of each head; the share stands under a key of its own in older files.
func partialRope(f *fields, c *model.Config, theta float64, key string, share float64) model.Rope {
	if key == "partial_rotary_factor" { // the others name theta differently too
		theta = real(f, "rope_theta", theta)
	}
	return flat(f, reader{c: c, theta: theta, share: real(f, key, share), partial: true})
}

// A reader reads dictionaries of a rotary embedding.
type reader struct {
	c       *model.Config
	theta   float64 // where the dictionary has none
	share   float64
	partial bool // share counts; else it must be 1
	nested  bool // one dictionary of several, in which transformers does not look for truncate
	// length is original_max_position_embeddings at the top of the file, which goes before the dictionary's; 0: there is none.
	length int
}

func flat(f *fields, r reader) model.Rope {
	r.length = num(f, "original_max_position_embeddings", 0)
	older, newer := object(f, "rope_scaling"), object(f, "rope_parameters")
	if older != nil && newer != nil && len(older) > 0 {
		a, b := r.read(f, "rope_scaling", older), r.read(f, "rope_parameters", newer)
		if a != b {
			f.refuse("rope_parameters and rope_scaling disagree: keep one of them")
		}
		return b
	}
	if newer != nil {
		return r.read(f, "rope_parameters", newer)
	}
	return r.read(f, "rope_scaling", older)
}

// ropeByType reads the rotary embeddings of families in which the layers with a window have their own: Rope and Local of c. In older
// files rope_theta and rope_scaling mean the other layers alone.
func ropeByType(f *fields, c *model.Config, full, sliding float64) {
	older, newer := object(f, "rope_scaling"), object(f, "rope_parameters")
	theta := real(f, "rope_theta", full)
	dictionary := func(key string) map[string]json.RawMessage {
		inner := &fields{raw: newer, seen: map[string]bool{}}
		d := object(inner, key)
		if inner.err != nil {
			f.err = inner.err
		}
		return d
	}
	for key := range newer {
		if key != fullAttention && key != slidingAttention {
			f.refuse("rope_parameters.%s: %w: this family has one dictionary a type of layer (%s, %s)", key, model.ErrUnsupported, fullAttention, slidingAttention)
			return
		}
	}
	global, local := dictionary(fullAttention), dictionary(slidingAttention)
	if len(older) > 0 {
		if older["rope_type"] == nil {
			f.refuse("rope_scaling: write rope_type for type: transformers does not see it in this family")
			return
		}
		if global != nil {
			f.refuse("rope_parameters and rope_scaling: keep one of them")
			return
		}
		global = older
	}
	c.Rope = reader{c: c, theta: theta, nested: true}.read(f, "rope_parameters."+fullAttention, global)
	l := reader{c: c, theta: sliding, nested: true}.read(f, "rope_parameters."+slidingAttention, local)
	if c.Windows != nil && l != c.Rope {
		c.Local = &l
	}
}

// object reads a dictionary; nil where it is missing or null.
func object(f *fields, key string) map[string]json.RawMessage {
	return get(f, key, map[string]json.RawMessage(nil))
}

// read reads one dictionary, as modeling_rope_utils.py of transformers does.
func (r reader) read(outer *fields, key string, raw map[string]json.RawMessage) model.Rope {
	f := &fields{raw: raw, seen: map[string]bool{}}
	c := r.c
	out := model.Rope{Theta: real(f, "rope_theta", r.theta)}
	out.Type = str(f, "rope_type", str(f, "type", "default"))
	f.ignore("type")
	share := 1.
	if r.partial {
		share = r.share
	}
	share = real(f, "partial_rotary_factor", share)
	switch {
	case !r.partial && share != 1:
		f.refuse("partial_rotary_factor is %v: %w for this family", share, model.ErrUnsupported)
	case share <= 0 || share > 1:
		f.refuse("partial_rotary_factor is %v, must be above 0 and at most 1", share)
	case share < 1:
		if out.Dim = int(float64(c.HeadDim) * share); out.Dim == 0 {
			f.refuse("partial_rotary_factor %v turns nothing of a head of %d elements", share, c.HeadDim)
		}
	}
	switch out.Type {
	case "default":
	case "linear":
		out.Factor = real(f, "factor", 0)
	case "llama3":
		out.Factor = real(f, "factor", 0)
		out.LowFreqFactor = real(f, "low_freq_factor", 0)
		out.HighFreqFactor = real(f, "high_freq_factor", 0)
		out.OriginalMaxPositions = r.original(f)
		if out.LowFreqFactor <= 0 || out.HighFreqFactor <= out.LowFreqFactor {
			f.refuse("llama3 scaling needs 0 < low_freq_factor < high_freq_factor")
		}
	case "yarn":
		r.yarn(f, &out)
		if out.Dim%2 != 0 { // transformers' ramp is then one element short: it fails, or broadcasts to something else
			f.refuse("rope_type yarn with partial_rotary_factor %v, which turns %d elements of a head: %w (an even number)", share, out.Dim, model.ErrUnsupported)
		}
	default:
		f.refuse("rope_type %q: %w (supported: default, linear, llama3, yarn)", out.Type, model.ErrUnsupported)
		f.raw = nil
	}
	if out.Type == "linear" || out.Type == "llama3" || out.Type == "yarn" {
		if !(out.Factor > 0) {
			f.refuse("factor is %v, must be above 0", out.Factor)
		}
	}
	if out.Theta <= 0 || out.Type == "yarn" && out.Theta == 1 {
		f.refuse("rope_theta is %v, must be positive", out.Theta)
	}
	if left := f.left(); len(left) > 0 {
		f.refuse("%s: %w for rope_type %s", strings.Join(left, ", "), model.ErrUnsupported, out.Type)
	}
	if f.err != nil {
		outer.refuse("%s: %w", key, f.err)
	}
	return out
}

// original reads the context a model was trained with before its frequencies were scaled.
func (r reader) original(f *fields) int {
	n := num(f, "original_max_position_embeddings", r.c.MaxPositions)
	if r.length != 0 {
		n = r.length
	}
	if n < 1 {
		f.refuse("original_max_position_embeddings is %d, must be at least 1", n)
	}
	return n
}

func (r reader) yarn(f *fields, out *model.Rope) {
	out.OriginalMaxPositions = r.original(f)
	out.Factor = real(f, "factor", 0)
	if f.null("factor") {
		out.Factor = float64(r.c.MaxPositions) / float64(max(out.OriginalMaxPositions, 1))
	}
	// 0 stands for the default here, and for no mscale.
	orElse := func(key string, other float64) float64 {
		if v := real(f, key, other); v != 0 {
			return v
		}
		return other
	}
	out.BetaFast, out.BetaSlow = orElse("beta_fast", 32), orElse("beta_slow", 1)
	if out.BetaFast <= 0 || out.BetaSlow <= 0 {
		f.refuse("beta_fast and beta_slow are %v and %v, must be above 0", out.BetaFast, out.BetaSlow)
	}
	scale, all := real(f, "mscale", 0), real(f, "mscale_all_dim", 0)
	out.AttentionFactor = mscale(out.Factor, 1)
	if scale != 0 && all != 0 {
		out.AttentionFactor = mscale(out.Factor, scale) / mscale(out.Factor, all)
	}
	out.AttentionFactor = real(f, "attention_factor", out.AttentionFactor)
	out.Unrounded = !get(f, "truncate", true) && !r.nested
}

// mscale is YaRN's 0.1·m·ln(s) + 1 for a scale above 1.
func mscale(scale, m float64) float64 {
	if scale <= 1 {
		return 1
	}
	return float64(0.1*m*math.Log(scale)) + 1
}
