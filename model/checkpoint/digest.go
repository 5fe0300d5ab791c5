package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/steelyard-ml/steelyard/model"
)

// An Item is one thing that reference values depend on; it has the fields of schemas.Item.
type Item struct {
	Name, Digest, Detail string
}

// Fingerprint returns what the values of this checkpoint depend on, item by item. numerics names the engine's arithmetic.
func (d *Dir) Fingerprint(c *model.Config, numerics string) ([]Item, error) {
	weights, err := d.WeightsDigest(c)
	if err != nil {
		return nil, err
	}
	return []Item{
		{"weights", weights, d.path},
		{"architecture", c.Digest(), c.String()},
		{"adapter", "none", ""},
		{"quantization", d.quantization(), ""},
		{"numerics", numerics, ""},
	}, nil
}

// WeightsDigest returns "sha256:" and a digest over name, shape and widened float32 values of every tensor of the configuration, in
// order of c.Tensors: the numbers that are computed with. So neither resharding nor an exact widening changes it, a tied head counts once,
// and 4-bit weights are the same whether they are stored or made.
func (d *Dir) WeightsDigest(c *model.Config) (string, error) {
	specs := c.Tensors()
	sums := make([][sha256.Size]byte, len(specs))
	errs := make([]error, len(specs))
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, spec := range specs {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			var t Tensor
			if t, errs[i] = d.Tensor(spec.Name); errs[i] == nil {
				if errs[i] = t.checkFloat(); errs[i] == nil {
					sums[i] = t.Digest()
				}
			}
		})
	}
	wg.Wait()
	all := sha256.New()
	for i, err := range errs {
		if err != nil {
			return "", err
		}
		all.Write(sums[i][:])
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), nil
}

// Digest returns the SHA-256 of a tensor's name, shape and widened float32 values. It panics if it holds no F32, F16 or BF16.
func (t Tensor) Digest() [sha256.Size]byte {
	const chunk = 1 << 14
	h := sha256.New()
	fmt.Fprintf(h, "%s %v\n", t.Name, t.Shape)
	values, raw := make([]float32, chunk), make([]byte, 4*chunk)
	for from, n := 0, t.Len(); from < n; from += chunk {
		part := values[:min(chunk, n-from)]
		t.Widen(part, from)
		for i, v := range part {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
		h.Write(raw[:4*len(part)])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
