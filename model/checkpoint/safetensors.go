package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrCorrupt is returned, wrapped with the file and the fault, when a file is not what it says it is: cut short, or with a header that
// lies. Fetch or write the file again.
var ErrCorrupt = errors.New("corrupt safetensors file")

// maxHeader is the largest header that is read, as in the reference implementation: 100 MB.
const maxHeader = 100_000_000

// parse reads the tensors of a safetensors file out of its bytes.
//
// The format: the header's length as a little-endian uint64, the header as JSON (name → dtype, shape, data_offsets), then the tensors'
// bytes, which together fill the rest of the file without gaps or overlaps.
func parse(file []byte) ([]Tensor, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("%w: %d bytes, too short for a header", ErrCorrupt, len(file))
	}
	size := binary.LittleEndian.Uint64(file)
	if size > maxHeader || size > uint64(len(file)-8) {
		return nil, fmt.Errorf("%w: the header is said to have %d bytes, the file has %d", ErrCorrupt, size, len(file))
	}
	entries, err := parseHeader(file[8 : 8+size])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	data := file[8+size:]
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	at := int64(0)
	out := make([]Tensor, len(entries))
	for i, e := range entries {
		if e.begin != at || e.end < e.begin {
			return nil, fmt.Errorf("%w: tensor %s: bytes %d to %d, want them to begin at %d", ErrCorrupt, e.name, e.begin, e.end, at)
		}
		if e.end > int64(len(data)) {
			return nil, fmt.Errorf("%w: tensor %s ends at byte %d of %d: the file is cut short", ErrCorrupt, e.name, e.end, len(data))
		}
		want, err := e.bytes()
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %s: %w", ErrCorrupt, e.name, err)
		}
		if want != e.end-e.begin {
			return nil, fmt.Errorf("%w: tensor %s: %s of shape %v takes %d bytes, %d are given", ErrCorrupt, e.name, e.dtype, e.shape, want, e.end-e.begin)
		}
		out[i] = Tensor{Name: e.name, DType: e.dtype, Shape: e.shape, Data: data[e.begin:e.end]} // its capacity reaches over the next
		at = e.end
	}
	if at != int64(len(data)) {
		return nil, fmt.Errorf("%w: %d bytes behind the last tensor", ErrCorrupt, int64(len(data))-at)
	}
	return out, nil
}

// entry is a line of the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int64
}

// bytes returns how many bytes the entry's type and shape take.
func (e entry) bytes() (int64, error) {
	n, ok := dtypeBytes[e.dtype]
	if !ok {
		return 0, fmt.Errorf("unknown dtype %q", e.dtype)
	}
	for _, d := range e.shape {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("impossible shape %v", e.shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// parseHeader reads the header token by token, since a map would hide a name that stands there twice.
func parseHeader(text []byte) ([]entry, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	var out []entry
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, fmt.Errorf("tensor %s stands there twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			var meta map[string]string
			if err := dec.Decode(&meta); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		var v struct {
			DType   DType   `json:"dtype"`
			Shape   []int   `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		if len(v.Offsets) != 2 || v.Shape == nil {
			return nil, fmt.Errorf("tensor %s: needs dtype, shape and two data_offsets", name)
		}
		out = append(out, entry{name, v.DType, v.Shape, v.Offsets[0], v.Offsets[1]})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if rest, _ := io.ReadAll(dec.Buffered()); len(bytes.Trim(rest, " \t\r\n\x00")) > 0 {
		return nil, errors.New("text behind the JSON object")
	}
	return out, nil
}
