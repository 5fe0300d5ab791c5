package quant

// DoubleBlock is the block size of magnitudes in 8 bits.
const DoubleBlock = 256

// A Double is the magnitudes of a weight's blocks in 8 bits (double quantization): magnitude i is Values[Codes[i]] · Most[i / 256] + Offset,
// each operation rounded to float32.
type Double struct {
	Codes  []byte
	Most   []float32 // the largest magnitude of each block of magnitudes, less the offset
	Offset float32   // about their mean
	Values *[256]float32
}

// Compress holds magnitudes in 8 bits. The offset is their mean, summed in float64 and rounded once; bitsandbytes' is the same but for
// the last bits, since the order of its sum depends on the machine.
func Compress(absmax []float32) Double {
	sum := 0.0
	for _, a := range absmax {
		sum += float64(a)
	}
	return compress(absmax, float32(sum/float64(max(len(absmax), 1))))
}

func compress(absmax []float32, offset float32) Double {
	n := len(absmax)
	d := Double{Codes: make([]byte, n), Most: make([]float32, blocks(n, DoubleBlock)), Offset: offset, Values: &Signed().Values}
	rest := make([]float32, n)
	for i, a := range absmax {
		rest[i] = a - offset
	}
	Signed().Quantize(d.Codes, d.Most, rest, DoubleBlock)
	return d
}

// Absmax returns the magnitudes.
func (d Double) Absmax() []float32 {
	out := make([]float32, len(d.Codes))
	for i, c := range d.Codes {
		out[i] = float32(d.Values[c]*d.Most[i/DoubleBlock]) + d.Offset
	}
	return out
}
