package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A component is a normalizer, pre-tokenizer, post-processor or decoder as tokenizer.json has it: an object with a type.
type component struct {
	raw  json.RawMessage
	path string // where it is in the file. Example: "pre_tokenizer.pretokenizers[1]"
}

// absent reports whether there is no such component.
func (c component) absent() bool { return len(c.raw) == 0 || string(c.raw) == "null" }

// kind returns the component's type, reading no further than it must: a model is most of the file.
func (c component) kind() (string, error) {
	if strings.Count(c.path, "[") > maxNesting {
		return "", fmt.Errorf("%s: more than %d sequences in one another", c.path, maxNesting)
	}
	d := json.NewDecoder(bytes.NewReader(c.raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "", fmt.Errorf("%s: not an object", c.path)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.path, err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", fmt.Errorf("%s: %w", c.path, err)
		}
		if key != "type" {
			continue
		}
		var kind string
		if err := json.Unmarshal(value, &kind); err != nil {
			return "", fmt.Errorf("%s.type: %w", c.path, err)
		}
		return kind, nil
	}
	return "", nil
}

// maxNesting is how many sequences may be in one another: each is read once more for every one around it.
const maxNesting = 20

// fields decodes the component; a field that into lacks is an error, because it could change the ids.
func (c component) fields(into any) error {
	d := json.NewDecoder(bytes.NewReader(c.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	return nil
}

// parts returns the components of the sequence in a field.
func (c component) parts(raws []json.RawMessage, field string) []component {
	parts := make([]component, len(raws))
	for i, raw := range raws {
		parts[i] = component{raw, fmt.Sprintf("%s.%s[%d]", c.path, field, i)}
	}
	return parts
}

// unknown is the error for a type that this package doesn't have.
func (c component) unknown(kind string, known ...string) error {
	slices.Sort(known)
	return fmt.Errorf("%s: type %q is not supported (supported: %s)", c.path, kind, strings.Join(known, ", "))
}

// A patternField is what Split and Replace look for: a string or a regular expression.
type patternField struct {
	String *string
	Regex  *string
}

// typed is the field that every component has.
type typed struct {
	Type string `json:"type"`
}
