package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/scan"
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

// A replace puts a string for what a pattern finds, in text as a normalizer and in each token as a decoder.
type replace struct {
	old  string      // "" for a regular expression
	find scan.Finder // of a regular expression
	new  string
}

func replaceOf(c component) (replace, error) {
	var f struct {
		typed
		Pattern patternField `json:"pattern"`
		Content string       `json:"content"`
	}
	if err := c.fields(&f); err != nil {
		return replace{}, err
	}
	switch {
	case f.Pattern.String != nil && *f.Pattern.String != "":
		return replace{old: *f.Pattern.String, new: f.Content}, nil
	case f.Pattern.Regex != nil:
		find, err := pattern(*f.Pattern.Regex)
		if err != nil {
			return replace{}, fmt.Errorf("%s: %w", c.path, err)
		}
		return replace{find: find, new: f.Content}, nil
	}
	return replace{}, fmt.Errorf("%s: pattern must have a String that is not empty or a Regex", c.path)
}

func (r replace) normalize(text string) string {
	if r.old != "" {
		return strings.ReplaceAll(text, r.old, r.new)
	}
	var b strings.Builder
	done := 0
	for done < len(text) {
		start, end := r.find(text, done)
		b.WriteString(text[done:start])
		if start < end {
			b.WriteString(r.new)
		}
		done = end
	}
	return b.String()
}

// maxGrowth is how many times as long a normalizer may make a text: a file of a kilobyte could double it a hundred times.
const maxGrowth = 1000

// growth returns how many times as long a normalizer may make a text, at least, up to maxGrowth.
func growth(n normalizer) int {
	switch n := n.(type) {
	case form:
		return 3 // at worst, in bytes: U+0390 and others decompose to three times as many
	case prepend:
		return 1 + len(n)
	case replace:
		return 1 + len(n.new)/max(len(n.old), 1)
	case normalizers:
		product := 1
		for _, part := range n {
			product = min(product*growth(part), maxGrowth)
		}
		return product
	}
	return 1
}

// shortens reports whether a normalizer could take away what a text begins with, so that what it leaves begins elsewhere.
func shortens(n normalizer) bool {
	switch n := n.(type) {
	case replace:
		return n.new == ""
	case normalizers:
		return slices.ContainsFunc(n, shortens)
	}
	return false
}

// normalizers are applied one after the other.
type normalizers []normalizer

func (all normalizers) normalize(text string) string {
	for _, n := range all {
		text = n.normalize(text)
	}
	return text
}
