package schemas

// Names of the items of a fingerprint of values.
const (
	ItemWeights      = "weights"
	ItemArchitecture = "architecture"
	ItemAdapter      = "adapter"
	ItemQuantization = "quantization"
	ItemNumerics     = "numerics"
)

// An Item is one thing that a result depends on, by digest.
type Item struct {
	Name string `json:"name"`
	// Digest is "sha256:" and 64 hex digits, or a short literal where the value itself is short ("none", "fma16/2").
	Digest string `json:"digest"`
	// Detail is for people: where the item came from ("models/smollm2", "llama, 30 layers"). It is never compared.
	Detail string `json:"detail,omitempty"`
}

// A Fingerprint is what the reference values of a cache depend on, item by item, in a fixed order. Two values may stand side by side
// only if every digest of their fingerprints agrees.
type Fingerprint []Item

// Differ returns the items of f and g whose digests differ, pairwise; an item that one side lacks stands there with an empty digest.
func (f Fingerprint) Differ(g Fingerprint) [][2]Item {
	var out [][2]Item
	for _, a := range f {
		b := g.Item(a.Name)
		if a.Digest != b.Digest {
			out = append(out, [2]Item{a, b})
		}
	}
	for _, b := range g {
		if f.Item(b.Name).Digest == "" && b.Digest != "" {
			out = append(out, [2]Item{{Name: b.Name}, b})
		}
	}
	return out
}

// Item returns the item of that name, or one with an empty digest.
func (f Fingerprint) Item(name string) Item {
	for _, it := range f {
		if it.Name == name {
			return it
		}
	}
	return Item{Name: name}
}
