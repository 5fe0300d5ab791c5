package simd

import "github.com/steelyard-ml/steelyard/internal/memory"

// A panel is a band of w rows of A (or, the same thing of the transpose, w columns of B) over a part of K, stored along k: element (i, l)
// at l*w+i. Rows that the matrix does not have are zeros.

// packPanels writes the rows i0 … i0+m-1 of o, over k columns (of pairs: k of them) from k0, as panels of w rows to dst. strip is for its own
// use.
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
		case o.pairs:
			packPairs(panel, strip, o, i0, rows, k0, k, w)
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

// packPairs packs one panel of pairs, k of them from pair k0 on: elements 2l and 2l+1 of a row, rounded to bfloat16, as the lower and the upper
// half of one number. An odd last element is paired with 0.
func packPairs(panel, strip []float32, o *Operand, i0, rows, k0, k, w int) {
	if o.Trans {
		packPairsTrans(panel, o, i0, rows, k0, k, w)
		return
	}
	if whole := o.Cols / 2; o.Type == BF16 && rows == w && o.Stride%2 == 0 && k0+k <= whole {
		table.pack(panel, w, memory.Pairs(o.Raw[i0*o.Stride+2*k0:]), o.Stride/2, 1, k)
		return
	}
	var wide [2 * stripK]float32
	for l0 := 0; l0 < k; l0 += stripK {
		n := min(stripK, k-l0)
		from := 2 * (k0 + l0)
		for i := range rows {
			row := wide[:min(2*n, o.Cols-from)]
			if at := (i0+i)*o.Stride + from; o.Type == F32 {
				row = o.F32[at:][:len(row)]
			} else {
				o.widen(row, at)
			}
			table.roundPairs(strip[i*stripK:][:n], row)
		}
		clear(strip[rows*stripK : w*stripK])
		table.pack(panel[l0*w:], w, strip, stripK, 1, n)
	}
}

// packPairsTrans is packPairs of an operand that lies column by column.
func packPairsTrans(panel []float32, o *Operand, i0, rows, k0, k, w int) {
	var low, high [maxTile]float32
	for l := range k {
		at := 2 * (k0 + l)
		o.widen(low[:rows], at*o.Stride+i0)
		if at+1 < o.Cols {
			o.widen(high[:rows], (at+1)*o.Stride+i0)
		} else {
			clear(high[:rows])
		}
		for i := range rows {
			panel[l*w+i] = pair(low[i], high[i])
		}
	}
}

// maxTile is the most rows a panel has.
const maxTile = 32
