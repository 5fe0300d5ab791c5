package adapter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// Mark returns a fingerprint's items with that of the adapter set; a may be nil.
func (a *Adapter) Mark(items []checkpoint.Item, base *checkpoint.Dir, m *model.Config) ([]checkpoint.Item, error) {
	mine, err := a.item(base, m)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(items)
	for i := range out {
		if out[i].Name == mine.Name {
			out[i] = mine
		}
	}
	return out, nil
}

// item is the item "adapter" of a fingerprint: "none" for no adapter, and for one that changes nothing yet: all B are zero, and what is
// saved whole equals the base's. Else "sha256:" and a digest over every module's name, scaling and widened values of A and B, and over
// name and widened values of what is saved whole. So neither the type nor the order in which an adapter is stored changes it, nor what
// else its configuration says.
func (a *Adapter) item(base *checkpoint.Dir, m *model.Config) (checkpoint.Item, error) {
	out := checkpoint.Item{Name: "adapter", Digest: "none"}
	if a == nil {
		return out, nil
	}
	h, changes := sha256.New(), false
	for _, one := range a.Modules {
		for _, t := range []checkpoint.Tensor{one.A, one.B} {
			sum := t.Digest()
			fmt.Fprintf(h, "%08x ", math.Float32bits(one.Scale))
			h.Write(sum[:])
		}
		changes = changes || !zero(one.B)
	}
	for _, s := range a.Saved {
		held, err := base.Tensor(stored(s.Base.Name, m))
		if err != nil {
			return out, err
		}
		held.Name = s.Tensor.Name
		sum := s.Tensor.Digest()
		changes = changes || sum != held.Digest()
		h.Write(sum[:])
	}
	if !changes {
		return out, nil
	}
	out.Digest, out.Detail = "sha256:"+hex.EncodeToString(h.Sum(nil)), a.path
	return out, nil
}

// zero says whether all elements of a tensor are.
func zero(t checkpoint.Tensor) bool {
	var values [1 << 12]float32
	for from, n := 0, t.Len(); from < n; from += len(values) {
		part := values[:min(len(values), n-from)]
		t.Widen(part, from)
		for _, v := range part {
			if v != 0 {
				return false
			}
		}
	}
	return true
}
