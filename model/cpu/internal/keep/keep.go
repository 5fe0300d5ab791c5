package keep

// A Level is what is kept of a layer. What is not kept is computed again, by the same operations, so no result depends on it.
type Level uint8

// Levels, from the one that takes most memory.
const (
	All   Level = iota // everything that the backward pass reads
	Most               // all but the first products of the feed-forward network, more than half of it
	Input              // the residual stream before the layer, which every level keeps
	levels
)

// Costs say what a layer takes at every level, and how many operations its backward pass computes again.
type Costs struct {
	Bytes [levels]int64
	Work  [levels]float64
}

// Choose gives like layers the levels with the least work that take no more than so many bytes; where several have it, the one with fewest at
// Input. It says whether there is one; if not, every layer is at Input.
//
// The layers at Input come first, those at All last: how many there are is all that matters, not which.
func Choose(layers []Level, c Costs, bytes int64) bool {
	n := len(layers)
	input, most := n, 0
	least := -1.0
	for i := range n + 1 {
		over := int64(i)*c.Bytes[Input] + int64(n-i)*c.Bytes[All] - bytes
		m := 0
		if over > 0 {
			saved := c.Bytes[All] - c.Bytes[Most]
			if saved <= 0 || over > int64(n-i)*saved {
				continue
			}
			m = int((over + saved - 1) / saved)
		}
		if work := float64(float64(i)*c.Work[Input]) + float64(float64(m)*c.Work[Most]); least < 0 || work < least {
			input, most, least = i, m, work
		}
	}
	for i := range layers {
		switch {
		case i < input:
			layers[i] = Input
		case i < input+most:
			layers[i] = Most
		default:
			layers[i] = All
		}
	}
	return least >= 0
}
