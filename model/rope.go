package model

import (
	"encoding/json"
	"fmt"
	"strings"
)

// rope reads the rotary embedding: rope_parameters (transformers 5), or rope_theta beside rope_scaling (before).
func rope(f *fields, theta float64) (Rope, error) {
	theta = real(f, "rope_theta", theta)
	older := get(f, "rope_scaling", map[string]json.RawMessage(nil))
	newer := get(f, "rope_parameters", map[string]json.RawMessage(nil))
	switch {
	case newer == nil:
		return ropeFrom("rope_scaling", older, theta)
	case older == nil:
		return ropeFrom("rope_parameters", newer, theta)
	}
	a, err := ropeFrom("rope_scaling", older, theta)
	if err != nil {
		return a, err
	}
	b, err := ropeFrom("rope_parameters", newer, theta)
	if err == nil && a != b {
		err = fmt.Errorf("rope_parameters and rope_scaling disagree: keep one of them")
	}
	return b, err
}

func ropeFrom(key string, raw map[string]json.RawMessage, theta float64) (Rope, error) {
	f := &fields{raw: raw, seen: map[string]bool{}}
	r := Rope{Theta: real(f, "rope_theta", theta)}
	r.Type = str(f, "rope_type", str(f, "type", "default"))
	f.seen["type"] = true
	switch r.Type {
	case "default":
	case "linear":
		r.Factor = real(f, "factor", 0)
	case "llama3":
		r.Factor = real(f, "factor", 0)
		r.LowFreqFactor = real(f, "low_freq_factor", 0)
		r.HighFreqFactor = real(f, "high_freq_factor", 0)
		r.OriginalMaxPositions = num(f, "original_max_position_embeddings", 0)
		if r.OriginalMaxPositions < 1 || r.LowFreqFactor <= 0 || r.HighFreqFactor <= r.LowFreqFactor {
			return r, fmt.Errorf("%s: llama3 scaling needs original_max_position_embeddings > 0 and 0 < low_freq_factor < high_freq_factor", key)
		}
	default:
		return r, fmt.Errorf("%s: rope_type %q: %w (supported: default, linear, llama3)", key, r.Type, ErrUnsupported)
	}
	if r.Type != "default" && r.Factor < 1 {
		return r, fmt.Errorf("%s: factor is %v, must be 1 or more", key, r.Factor)
	}
	if r.Theta <= 0 {
		return r, fmt.Errorf("%s: rope_theta is %v, must be positive", key, r.Theta)
	}
	if left := f.left(); len(left) > 0 {
		return r, fmt.Errorf("%s.%s: %w for rope_type %s", key, strings.Join(left, ", "), ErrUnsupported, r.Type)
	}
	return r, f.err
}
