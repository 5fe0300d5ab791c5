package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// normalizerOf returns the normalizer of a component, nil for none.
func normalizerOf(c component) (normalizer, error) {
	if c.absent() {
		return nil, nil
	}
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "NFC":
		return form(ucd.NFC), c.fields(&typed{})
	case "NFD":
		return form(ucd.NFD), c.fields(&typed{})
	case "Prepend":
		var f struct {
			typed
			Prepend string `json:"prepend"`
		}
		err := c.fields(&f)
		return prepend(f.Prepend), err
	case "Replace":
		return replaceOf(c)
	case "Sequence":
		var f struct {
			typed
			Normalizers []json.RawMessage `json:"normalizers"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		var all normalizers
		for _, part := range c.parts(f.Normalizers, "normalizers") {
			n, err := normalizerOf(part)
			if err != nil {
				return nil, err
			}
			if n != nil {
				all = append(all, n)
			}
		}
		return all, nil
	}
	return nil, c.unknown(kind, "NFC", "NFD", "Prepend", "Replace", "Sequence")
}

// A form is a Unicode normal form.
type form func(string) string

func (f form) normalize(text string) string { return f(text) }

// A prepend puts a string before every text that is not empty.
type prepend string

func (p prepend) normalize(text string) string {
	if text == "" {
		return ""
	}
	return string(p) + text
}

// A replace puts one string for another, in text as a normalizer and in each token as a decoder.
type replace struct{ old, new string }

func replaceOf(c component) (replace, error) {
	var f struct {
		typed
		Pattern patternField `json:"pattern"`
		Content string       `json:"content"`
	}
	if err := c.fields(&f); err != nil {
		return replace{}, err
	}
	if f.Pattern.String == nil || *f.Pattern.String == "" {
		return replace{}, fmt.Errorf("%s: Replace is supported only for a pattern of a String that is not empty", c.path)
	}
	return replace{*f.Pattern.String, f.Content}, nil
}

func (r replace) normalize(text string) string { return strings.ReplaceAll(text, r.old, r.new) }

// normalizers are applied one after the other.
type normalizers []normalizer

func (all normalizers) normalize(text string) string {
	for _, n := range all {
		text = n.normalize(text)
	}
	return text
}
