package simd

// A panel is a band of w rows of A (or, the same thing of the transpose, w columns of B) over a part of K, stored along k: element (i, l)
// at l*w+i. Rows that the matrix does not have are zeros.

// PackedColumns is what the first column of a Block of a packed operand is a multiple of: every kernel's nr divides it.
const PackedColumns = 32

// packed is a B of K×N elements as panels of nr columns, blocked along K as gemm blocks it. The panels of a K-block follow one another; those
// of the block that begins at k0 start at k0*stride.
type packed struct {
	data   []float32
	stride int // columns of all panels of the whole matrix
}

// Pack returns b laid out as Gemm needs it, to be the right factor of many products. It holds float32s and, as a copy, does not see later
// changes of b.
func Pack(p *Pool, b Operand) Operand {
	b.check()
	if b.packed != nil {
		return b
	}
	nr := table.nr
	panels := (b.Cols + nr - 1) / nr
	q := &packed{data: make([]float32, b.Rows*panels*nr), stride: panels * nr}
	bt := b.T()
	const group = 16 // panels a task
	p.Run((panels+group-1)/group, func(worker, i int) {
		j := i * group * nr
		n := min(group*nr, b.Cols-j)
		for k0 := 0; k0 < b.Rows; {
			k := kBlock(k0, b.Rows)
			packPanels(q.data[k0*q.stride+j*k:], p.ws[worker].stripOf(), &bt, j, n, k0, k, nr)
			k0 += k
		}
	})
	return Operand{Rows: b.Rows, Cols: b.Cols, packed: q}
}

// packPanels writes the rows i0 … i0+m-1 of o, over k columns from k0, as panels of w rows to dst. strip is for its own use.
func packPanels(dst, strip []float32, o *Operand, i0, m, k0, k, w int) {
	for ; m > 0; m, i0 = m-w, i0+w {
		panel := dst[:k*w]
		dst = dst[k*w:]
		rows := min(w, m)
		if rows < w {
			clear(panel)
		}
		at, ras, cas := i0*o.Stride+k0, o.Stride, 1
		if o.Trans {
			at, ras, cas = k0*o.Stride+i0, 1, o.Stride
		}
		switch {
		case rows < w || o.Type == F16 || o.Type == Code4:
			packStrips(panel, strip, o, i0, rows, k0, k, w)
		case o.Type == BF16:
			table.packBF16(panel, w, o.Raw[at:], ras, cas, k)
		default:
			table.pack(panel, w, o.F32[at:], ras, cas, k)
		}
	}
}

// stripK is the length of a strip along k.
const stripK = 64

// packStrips packs one panel by way of a strip of it, stripK long, that it makes whole and float32.
func packStrips(panel, strip []float32, o *Operand, i0, rows, k0, k, w int) {
	for l0 := 0; l0 < k; l0 += stripK {
		n := min(stripK, k-l0)
		if o.Trans {
			for l := range n {
				o.widen(panel[(l0+l)*w:][:rows], (k0+l0+l)*o.Stride+i0)
			}
			continue
		}
		for i := range rows {
			o.widen(strip[i*stripK:][:n], (i0+i)*o.Stride+k0+l0)
		}
		clear(strip[rows*stripK : w*stripK])
		table.pack(panel[l0*w:], w, strip, stripK, 1, n)
	}
}
