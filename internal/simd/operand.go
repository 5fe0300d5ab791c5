package simd

import "unsafe"

// A DType is how a matrix stores its elements.
type DType uint8

// The types of elements.
const (
	F32  DType = iota // float32
	BF16              // bfloat16: the upper half of a float32
	F16               // IEEE half precision
)

// An Operand is a factor of a product: a matrix of Rows×Cols elements in row-major storage with Stride elements from one stored row to the
// next. With Trans it is the transpose of what is stored: element (i, j) lies at j*Stride+i. 16-bit elements are widened, which is exact,
// while the product reads them.
type Operand struct {
	Type       DType
	F32        []float32 // the elements of type F32
	Raw        []uint16  // the elements of the other types
	Rows, Cols int       // the shape, after Trans
	Stride     int
	Trans      bool

	packed *packed // panels, from Pack, instead of the elements
	first  int     // the first column in packed
}

// Matrix returns the operand of rows×cols contiguous float32s.
func Matrix(f []float32, rows, cols int) Operand {
	return Operand{F32: f, Rows: rows, Cols: cols, Stride: cols}
}

// T returns the transpose of an unpacked operand.
func (o Operand) T() Operand {
	if o.packed != nil {
		panic(badShape)
	}
	o.Rows, o.Cols, o.Trans = o.Cols, o.Rows, !o.Trans
	return o
}

// Block returns the part of rows×cols elements that begins at (i, j). Of a packed operand it takes all rows and a j that is a multiple of
// PackedColumns.
func (o Operand) Block(i, rows, j, cols int) Operand {
	if i < 0 || rows < 0 || i+rows > o.Rows || j < 0 || cols < 0 || j+cols > o.Cols {
		panic(badShape)
	}
	if o.packed != nil {
		if rows != o.Rows || j%PackedColumns != 0 {
			panic(badShape)
		}
		o.Cols, o.first = cols, o.first+j
		return o
	}
	o.Rows, o.Cols = rows, cols
	if rows == 0 || cols == 0 {
		return o
	}
	at := i*o.Stride + j
	if o.Trans {
		at = j*o.Stride + i
	}
	if o.Type == F32 {
		o.F32 = o.F32[at:]
	} else {
		o.Raw = o.Raw[at:]
	}
	return o
}

// Row writes the row i of an untransposed, unpacked operand to dst, which has Cols elements.
func (o Operand) Row(dst []float32, i int) {
	if o.Trans || o.packed != nil || i < 0 || i >= o.Rows {
		panic(badShape)
	}
	same(o.Cols, len(dst))
	o.widen(dst, i*o.Stride)
}

// widen writes the stored elements from at on to dst.
func (o *Operand) widen(dst []float32, at int) {
	if o.Type == F32 {
		copy(dst, o.F32[at:at+len(dst)])
		return
	}
	Widen(dst, o.Type, o.Raw[at:at+len(dst)])
}

// prefetch has the cache fetch rows×cols elements from (i, j) on.
func (o *Operand) prefetch(i, rows, j, cols int) {
	at := i*o.Stride + j
	if o.Trans {
		at, rows, cols = j*o.Stride+i, cols, rows
	}
	if o.Type == F32 {
		table.prefetch(unsafe.Pointer(&o.F32[at]), 4*o.Stride, rows, 4*cols)
	} else {
		table.prefetch(unsafe.Pointer(&o.Raw[at]), 2*o.Stride, rows, 2*cols)
	}
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
	if o.packed != nil || o.Rows == 0 || o.Cols == 0 {
		return
	}
	rows, cols, n := o.Rows, o.Cols, len(o.F32)
	if o.Trans {
		rows, cols = cols, rows
	}
	if o.Type != F32 {
		n = len(o.Raw)
	}
	if o.Stride < cols && rows > 1 || n < (rows-1)*o.Stride+cols {
		panic(badBuffer)
	}
}
