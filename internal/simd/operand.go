package simd

import "unsafe"

// A DType is how a matrix stores its elements.
type DType uint8

// The types of elements.
const (
	F32   DType = iota // float32
	BF16               // bfloat16: the upper half of a float32
	F16                // IEEE half precision
	Code4              // a code of four bits, which chooses one of 16 values, times a scale
)

// An Operand is a factor of a product: a matrix of Rows×Cols elements in row-major storage with Stride elements from one stored row to the
// next. With Trans it is the transpose of what is stored: element (i, j) lies at j*Stride+i. Smaller elements are widened to float32s while the
// product reads them: 16 bits exactly, codes by one rounded multiplication.
type Operand struct {
	Type       DType
	F32        []float32 // the elements of type F32
	Raw        []uint16  // the elements of the 16-bit types
	Codes      *Codes    // the elements of type Code4
	Rows, Cols int       // the shape, after Trans
	Stride     int
	Trans      bool

	base  int  // the number of the first element in Codes
	pairs bool // see GemmBF16
}

// Codes are elements of four bits: number i is Values[code i] · Scales[i / Run].
type Codes struct {
	Data   []byte // two a byte, the first in the upper half
	Values *[16]float32
	Scales []float32
	Run    int // a power of two
}

// Matrix returns the operand of rows×cols contiguous float32s.
func Matrix(f []float32, rows, cols int) Operand {
	return Operand{F32: f, Rows: rows, Cols: cols, Stride: cols}
}

// T returns the transpose.
func (o Operand) T() Operand {
	o.Rows, o.Cols, o.Trans = o.Cols, o.Rows, !o.Trans
	return o
}

// Block returns the part of rows×cols elements that begins at (i, j).
func (o Operand) Block(i, rows, j, cols int) Operand {
	if i < 0 || rows < 0 || i+rows > o.Rows || j < 0 || cols < 0 || j+cols > o.Cols {
		panic(badShape)
	}
	o.Rows, o.Cols = rows, cols
	if rows == 0 || cols == 0 {
		return o
	}
	at := i*o.Stride + j
	if o.Trans {
		at = j*o.Stride + i
	}
	switch o.Type {
	case F32:
		o.F32 = o.F32[at:]
	case Code4:
		o.base += at
	default:
		o.Raw = o.Raw[at:]
	}
	return o
}

// Row writes the row i of an untransposed operand to dst, which has Cols elements.
func (o Operand) Row(dst []float32, i int) {
	if o.Trans || i < 0 || i >= o.Rows {
		panic(badShape)
	}
	same(o.Cols, len(dst))
	o.widen(dst, i*o.Stride)
}

// widen writes the stored elements from at on to dst.
func (o *Operand) widen(dst []float32, at int) {
	switch o.Type {
	case F32:
		copy(dst, o.F32[at:at+len(dst)])
	case Code4:
		o.Codes.widen(dst, o.base+at)
	default:
		Widen(dst, o.Type, o.Raw[at:at+len(dst)])
	}
}

// widen writes the elements from at on to dst, run by run.
func (c *Codes) widen(dst []float32, at int) {
	for len(dst) > 0 {
		run := at / c.Run
		part := dst[:min(len(dst), (run+1)*c.Run-at)]
		dst = dst[len(part):]
		scale := c.Scales[run]
		if at%2 == 1 { // the lower half of its byte
			part[0] = c.Values[c.Data[at/2]&15] * scale
			part, at = part[1:], at+1
		}
		table.widen4(part, c.Data[at/2:], c.Values, scale)
		at += len(part)
	}
}

// place returns where element at lies in memory, and the bytes of a row and of n elements.
func (o *Operand) place(at, n int) (p unsafe.Pointer, stride, bytes int) {
	switch o.Type {
	case F32:
		return unsafe.Pointer(&o.F32[at]), 4 * o.Stride, 4 * n
	case Code4:
		return unsafe.Pointer(&o.Codes.Data[(o.base+at)/2]), o.Stride / 2, (n + 1) / 2
	}
	return unsafe.Pointer(&o.Raw[at]), 2 * o.Stride, 2 * n
}

// Widen sets dst to the numbers of src, of type BF16 or F16.
func Widen(dst []float32, t DType, src []uint16) {
	same(len(dst), len(src))
	switch t {
	case BF16:
		table.widenBF16(dst, src)
	case F16:
		table.widenF16(dst, src)
	default:
		panic(badShape)
	}
}

// check panics unless the storage holds the shape.
func (o *Operand) check() {
	if o.Rows < 0 || o.Cols < 0 {
		panic(badShape)
	}
	if o.Rows == 0 || o.Cols == 0 {
		return
	}
	rows, cols, n := o.Rows, o.Cols, len(o.F32)
	if o.Trans {
		rows, cols = cols, rows
	}
	switch o.Type {
	case F32:
	case Code4:
		c := o.Codes
		if c.Run < 1 || c.Run&(c.Run-1) != 0 {
			panic(badShape)
		}
		n = min(2*len(c.Data), c.Run*len(c.Scales)) - o.base
	default:
		n = len(o.Raw)
	}
	if o.Stride < cols && rows > 1 || n < (rows-1)*o.Stride+cols {
		panic(badBuffer)
	}
}
