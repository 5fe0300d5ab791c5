package tokenizer

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/onig"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/scan"
)

// A keep says what becomes of the matches that a text is cut by.
type keep uint8

// The behaviors of Split.
const (
	isolated keep = iota // a piece each
	removed
	contiguous         // matches that touch are one piece
	mergedWithPrevious // a match ends the piece before it
	mergedWithNext     // a match begins the piece after it
)

var keeps = map[string]keep{
	"Isolated": isolated, "Removed": removed, "Contiguous": contiguous,
	"MergedWithPrevious": mergedWithPrevious, "MergedWithNext": mergedWithNext,
}

// A cut splits text by the matches of a pattern.
type cut struct {
	find   scan.Finder
	keep   keep
	invert bool // what lies between the matches counts as the matches
}

func cutOf(c component) (preTokenizer, error) {
	var f struct {
		typed
		Pattern  patternField `json:"pattern"`
		Behavior string       `json:"behavior"`
		Invert   bool         `json:"invert"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	k, ok := keeps[f.Behavior]
	if !ok {
		return nil, fmt.Errorf("%s: behavior %q is not supported", c.path, f.Behavior)
	}
	switch {
	case f.Pattern.String != nil && *f.Pattern.String != "":
		return cut{scan.Literal(*f.Pattern.String), k, f.Invert}, nil
	case f.Pattern.Regex != nil:
		find, err := pattern(*f.Pattern.Regex)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.path, err)
		}
		return cut{find, k, f.Invert}, nil
	}
	return nil, fmt.Errorf("%s: pattern must have a String that is not empty or a Regex", c.path)
}

// pattern returns what finds a regular expression: a scanner written for it, or a matcher.
func pattern(regex string) (scan.Finder, error) {
	if find, ok := scan.Pattern(regex); ok {
		return find, nil
	}
	return onig.Compile(regex)
}

// A span is a part of a text; match says that the pattern (or, inverted, what is between) matched it.
type span struct {
	start, end int
	match      bool
}

func (c cut) split(dst []piece, p piece) []piece {
	if c.keep == isolated {
		for at := 0; at < len(p.text); {
			start, end := c.find(p.text, at)
			if at < start {
				dst = append(dst, piece{p.text[at:start], p.first && at == 0})
			}
			if start < end {
				dst = append(dst, piece{p.text[start:end], p.first && start == 0})
			}
			at = end
		}
		return dst
	}
	for _, s := range c.kept(c.spans(p.text)) {
		dst = append(dst, piece{p.text[s.start:s.end], p.first && s.start == 0})
	}
	return dst
}

// spans covers the text with what matches and what does not.
func (c cut) spans(text string) []span {
	var spans []span
	for at := 0; at < len(text); {
		start, end := c.find(text, at)
		if at < start {
			spans = append(spans, span{at, start, c.invert})
		}
		if start < end {
			spans = append(spans, span{start, end, !c.invert})
		}
		at = end
	}
	return spans
}

// kept joins and drops spans as the behavior says.
func (c cut) kept(spans []span) []span {
	var out []span
	switch c.keep {
	case removed:
		for _, s := range spans {
			if !s.match {
				out = append(out, s)
			}
		}
	case contiguous:
		for _, s := range spans {
			if n := len(out); n > 0 && out[n-1].match == s.match {
				out[n-1].end = s.end
			} else {
				out = append(out, s)
			}
		}
	case mergedWithPrevious:
		last := false // the span before is a match: of matches that touch, only the first is merged
		for _, s := range spans {
			if n := len(out); s.match && !last && n > 0 {
				out[n-1].end = s.end
			} else {
				out = append(out, s)
			}
			last = s.match
		}
	case mergedWithNext:
		for i, s := range spans {
			if !s.match && i > 0 && spans[i-1].match {
				out[len(out)-1].end = s.end
			} else {
				out = append(out, s)
			}
		}
	}
	return out
}
