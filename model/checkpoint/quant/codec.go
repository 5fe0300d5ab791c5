package quant

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// tables are the values of each type's codes, as float32s.
var tables = map[Type][16]float32{
	NF4: {-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
		-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
		0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1},
	// Three bits of exponent and mantissa count 0, 1/16, 8, 12, 4, 6, 2, 3, of 12; the fourth is the sign, that of zero dropped.
	FP4: {0, 0.0625 / 12., 8. / 12, 1, 4. / 12, 6. / 12, 2. / 12, 3. / 12, 0, -0.0625 / 12., -8. / 12, -1, -4. / 12, -6. / 12, -2. / 12, -3. / 12},
}

// Values are the values of the 16 codes, for a block whose largest magnitude is 1.
func (t Type) Values() [16]float32 { return tables[t] }

// A chooser finds the code of a number: that of the nearest value, and of the lower one where two are as near.
type chooser struct {
	bounds [15]float32 // between consecutive values, in float32
	codes  [16]byte    // by size of their values
}

func newChooser(t Type) chooser {
	var c chooser
	values := t.Values()
	for i := range c.codes {
		c.codes[i] = byte(i)
	}
	slices.SortStableFunc(c.codes[:], func(a, b byte) int { return cmp.Compare(values[a], values[b]) })
	for i := range c.bounds {
		c.bounds[i] = (values[c.codes[i]] + values[c.codes[i+1]]) / 2
	}
	return c
}

func (c *chooser) code(x float32) byte {
	i := 0
	for step := 8; step > 0; step /= 2 {
		if x > c.bounds[i+step-1] {
			i += step
		}
	}
	return c.codes[i]
}

// A Matrix is a weight in 4 bits: element i, in row-major order, is Values()[code i] times the scale of its run, rounded to float32.
type Matrix struct {
	Scheme
	Shape  []int     // (rows, columns)
	Codes  []byte    // two a byte, the first in the upper half
	Absmax []float32 // of each block

	run    int
	scales []float32
}

// NewMatrix returns a matrix of codes and the largest magnitudes of their blocks. It keeps both.
func NewMatrix(s Scheme, shape []int, codes []byte, absmax []float32) (*Matrix, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	m := &Matrix{Scheme: s, Shape: slices.Clone(shape), Codes: codes, Absmax: absmax}
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > math.MaxInt/shape[1] {
		return nil, fmt.Errorf("a weight in 4 bits has shape %v; it must have rows and columns", shape)
	}
	n := m.Len()
	if len(codes) != n/2+n%2 || len(absmax) != blocks(n, s.BlockSize) {
		return nil, fmt.Errorf("%d bytes of codes and %d magnitudes; shape %v in blocks of %d takes %d and %d",
			len(codes), len(absmax), shape, s.BlockSize, n/2+n%2, blocks(n, s.BlockSize))
	}
	for i, a := range absmax {
		if !(a >= -math.MaxFloat32 && a <= math.MaxFloat32) {
			return nil, fmt.Errorf("the magnitude of block %d is %v", i, a)
		}
	}
	m.spread()
	return m, nil
}

// spread finds the scales. Where rows are whole blocks they are Absmax. Elsewhere a run is the longest piece that blocks and rows are both
// made of, and its scale is what bitsandbytes' CPU kernels take: that of the block of its first element; but where a row is whole groups of 16
// numbers, the kernel for AVX-512 takes row·⌊columns/BlockSize⌋ + column/BlockSize for the block's number. No other backend does, and models of
// the usual widths, which are multiples of the block size, know no difference.
func (m *Matrix) spread() {
	cols := m.Shape[1]
	m.run, m.scales = m.BlockSize, m.Absmax
	if cols%m.BlockSize == 0 {
		return
	}
	for m.run = 1; cols%(2*m.run) == 0; {
		m.run *= 2
	}
	byRow := cols%16 == 0 && m.BlockSize < 2048
	m.scales = make([]float32, m.Len()/m.run)
	for i := range m.scales {
		at := i * m.run
		block := at / m.BlockSize
		if byRow {
			block = at/cols*(cols/m.BlockSize) + at%cols/m.BlockSize
		}
		m.scales[i] = m.Absmax[block]
	}
}

// Scales returns the scale of every run of so many elements. A run lies within a row; its length is a power of two.
func (m *Matrix) Scales() (run int, scales []float32) { return m.run, m.scales }

// Len returns the number of elements.
func (m *Matrix) Len() int { return m.Shape[0] * m.Shape[1] }

// Dequantize writes the elements from number from on into dst.
func (m *Matrix) Dequantize(dst []float32, from int) {
	values := m.Type.Values()
	for len(dst) > 0 {
		r := from / m.run
		part := dst[:min(len(dst), (r+1)*m.run-from)]
		for i := range part {
			at := from + i
			part[i] = values[m.Codes[at/2]>>(4*(^at&1))&15] * m.scales[r]
		}
		dst, from = dst[len(part):], from+len(part)
	}
}

// blocks is how many blocks n elements make.
func blocks(n, size int) int { return (n + size - 1) / size }

// chunk is how many elements are quantized at a time: whole blocks of every size, whole bytes of codes.
const chunk = 1 << 16

// Quantize holds a weight of that shape in 4 bits. read writes the elements from number from on into dst; it is called by several
// goroutines. An element that is no finite number is an error.
func Quantize(s Scheme, shape []int, read func(dst []float32, from int)) (*Matrix, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	n := shape[0] * shape[1]
	codes, absmax := make([]byte, (n+1)/2), make([]float32, blocks(n, s.BlockSize))
	c := newChooser(s.Type)
	errs := make([]error, blocks(n, chunk))
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range errs {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			x := make([]float32, min(chunk, n-i*chunk))
			read(x, i*chunk)
			errs[i] = c.quantize(codes[i*chunk/2:], absmax[i*chunk/s.BlockSize:], x, s.BlockSize)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("from element %d on: %w", i*chunk, errs[i])
			}
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	if s.Nested {
		absmax = Compress(absmax).Absmax()
	}
	return NewMatrix(s, shape, codes, absmax)
}

// quantize sets the codes of x and the magnitudes of its blocks.
func (c *chooser) quantize(codes []byte, absmax, x []float32, size int) error {
	for b := 0; len(x) > 0; b++ {
		block := x[:min(size, len(x))]
		x = x[len(block):]
		var most float32
		for i, v := range block {
			a := float32(math.Abs(float64(v)))
			if !(a <= math.MaxFloat32) {
				return fmt.Errorf("element %d is %v", b*size+i, v)
			}
			most = max(most, a)
		}
		const least = float32(1e-38)
		inverse := 1 / max(most, least)
		if len(block) < size { // bitsandbytes treats the last block otherwise where it is not whole
			most = max(most, least)
			for i := range block {
				block[i] /= most
			}
		} else {
			for i := range block {
				block[i] *= inverse
			}
		}
		absmax[b] = most
		out := codes[b*size/2:]
		for i := 0; i < len(block); i += 2 {
			second := c.code(0)
			if i+1 < len(block) {
				second = c.code(block[i+1])
			}
			out[i/2] = c.code(block[i])<<4 | second
		}
	}
	return nil
}
