package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/charsmap"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/clean"
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
	if ch, ok := changes[kind]; ok {
		return ch, c.fields(&typed{})
	}
	switch kind {
	case "BertNormalizer":
		return bertNormalizerOf(c)
	case "Precompiled":
		return precompiledOf(c)
	case "Prepend":
		var f struct {
			typed
			Prepend string `json:"prepend"`
		}
		err := c.fields(&f)
		return prepend(f.Prepend), err
	case "Replace":
		return replaceOf(c)
	case "Strip":
		return stripOf(c)
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
	return nil, c.unknown(kind, append(slices.Collect(maps.Keys(changes)), "BertNormalizer", "Precompiled", "Prepend", "Replace", "Sequence", "Strip")...)
}

// A change is a normalizer that is a function of the text.
type change struct {
	do       func(string) string
	growth   int  // how many times as long it may make a text, in bytes
	shortens bool // it could take away what a text begins with
}

func (ch change) normalize(text string) string { return ch.do(text) }

// changes are those that have no fields.
var changes = map[string]change{
	"NFC":          {do: ucd.NFC, growth: 3}, // at worst U+0390 and others decompose to three times as many
	"NFD":          {do: ucd.NFD, growth: 3},
	"NFKC":         {do: ucd.NFKC, growth: 11}, // U+FDFA
	"NFKD":         {do: ucd.NFKD, growth: 11},
	"Lowercase":    {do: ucd.Lower, growth: 2}, // U+0130, U+023A
	"Nmt":          {do: clean.Nmt, growth: 1, shortens: true},
	"StripAccents": {do: clean.StripAccents, growth: 1, shortens: true},
}

func stripOf(c component) (normalizer, error) {
	var f struct {
		typed
		Left  *bool `json:"strip_left"`
		Right *bool `json:"strip_right"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	if f.Left == nil || f.Right == nil {
		return nil, fmt.Errorf("%s: Strip needs strip_left and strip_right", c.path)
	}
	return change{func(s string) string { return clean.Strip(s, *f.Left, *f.Right) }, 1, true}, nil
}

func bertNormalizerOf(c component) (normalizer, error) {
	var f struct {
		typed
		Clean        *bool `json:"clean_text"`
		Chinese      *bool `json:"handle_chinese_chars"`
		StripAccents *bool `json:"strip_accents"`
		Lowercase    *bool `json:"lowercase"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	if f.Clean == nil || f.Chinese == nil || f.Lowercase == nil {
		return nil, fmt.Errorf("%s: BertNormalizer needs clean_text, handle_chinese_chars and lowercase", c.path)
	}
	if f.StripAccents == nil {
		f.StripAccents = f.Lowercase
	}
	b := clean.Bert{Clean: *f.Clean, Chinese: *f.Chinese, StripAccents: *f.StripAccents, Lowercase: *f.Lowercase}
	return change{b.Normalize, 6, true}, nil
}

func precompiledOf(c component) (normalizer, error) {
	var f struct {
		typed
		Charsmap string `json:"precompiled_charsmap"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(f.Charsmap)
	if err == nil && strings.ContainsAny(f.Charsmap, "\r\n") {
		err = errors.New("a line break in base64")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: precompiled_charsmap: %w", c.path, err)
	}
	m, err := charsmap.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return change{m.Normalize, min(m.Growth(), maxGrowth), true}, nil
}

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
const maxGrowth = 10000

// growth returns how many times as long a normalizer may make a text, at least, up to maxGrowth.
func growth(n normalizer) int {
	switch n := n.(type) {
	case change:
		return n.growth
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
	case change:
		return n.shortens
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
