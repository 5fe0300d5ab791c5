package simd

import (
	"unsafe"

	"github.com/steelyard-ml/steelyard/internal/memory"
)

// A panel is a band of w rows of A (or, the same thing of the transpose, w columns of B) over a part of K, stored along k: element (i, l)
// at l*w+i. Rows that the matrix does not have are zeros.

// packPanels writes the rows i0 … i0+m-1 of o, over k columns (of pairs: k of them) from k0, as panels of w rows to dst. strip is for its own
// use.
func packPanels(dst, strip []float32, o *Operand, i0, m, k0, k, w int) {
	if down := table.packDown; down != nil && w == table.mr && o.Trans && o.Type == F32 && !o.pairs {
		for ; m >= downRows; m, i0 = m-downRows, i0+downRows {
			down(dst, k*w, o.F32[k0*o.Stride+i0:], o.Stride, k)
			dst = dst[downRows*k:]
		}
	}
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

// downRows is how many rows of A that lies column by column are packed at once, where the level has a packDown: two lines of a cache of each
// column, which are read once. A panel at a time would read a line for each panel that has a part of it, and lines of columns that are a multiple of
// 4 KB apart do not stay in a cache meanwhile.
const downRows = 32

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
const maxTile = 48

func (ws *Workspace) stripOf() []float32 { return grow(&ws.strip, maxTile*stripK) }

// panels are bands of rows of an operand, packed or as they lie. Element (i, l) of the band from row at on is, packed, at data[at*each + l*w + i],
// where w is the band's width, else at data[at*each + i*ras + l*cas].
type panels struct {
	data     []float32
	each     int
	ras, cas int       // 0 where they are packed
	edge     []float32 // the last band, packed, when it is not whole and data is not packed
	whole    int       // rows before edge

	away  bool // packed bands have left L2 when they are read again
	below int  // rows of B behind these, read in place as well: a band's part of them is fetched

	// Of bands that are not packed yet, which they are just before they are used, so that they are in L1 then: what from.
	pending  bool
	source   Operand
	at, rows int // their first row and their number
	k0, k    int // and columns

	common *common // where threads pack them together, or nil
	first  int     // the row that this thread begins with
}

// band returns the band of w rows from row at on.
func (p *panels) band(at, w int) (data []float32, ras, cas int) {
	switch {
	case at >= p.whole:
		return p.edge, 1, w
	case p.cas == 0:
		return p.data[at*p.each:], 1, w
	}
	return p.data[at*p.each:], p.ras, p.cas
}

// Reading in place instead of packing pays when a panel is read few times.
const (
	directColumns = 256 // A is read in place for products of at most so many columns,
	directRows    = 64  // and B for at most so many rows,
	directK       = 32  // where K is over four times that, so many of its rows at a time: a panel's rows are far apart, too many to be read ahead in
)

// inPlace says whether B is read in place, for m rows of C.
func inPlace(bt *Operand, m int) bool {
	return bt.Type == F32 && bt.Trans && m <= directRows && !bt.pairs
}

func aPanels(ws *Workspace, a *Operand, i0, m, k0, k, n int) panels {
	mr := table.mr
	// A tile would read down columns whose elements, rows of a multiple of 4 KB apart, fall into the same few sets of a cache.
	crowded := a.Trans && a.Stride%1024 == 0 && n > table.nr
	if a.Type == F32 && n <= directColumns && !a.pairs && !crowded {
		return direct(ws, &ws.aEdge, a, i0, m, k0, k, m/mr*mr, mr)
	}
	return packInto(ws, &ws.a, a, i0, m, k0, k, mr)
}

// bPanels returns the panels of n columns of B, for m rows of C, of which a block has so many. They are packed when they are used: in one place,
// where there is one block of rows, as the next panel may take the last one's, or by all threads in one.
func bPanels(ws *Workspace, bt *Operand, j0, n, k0, k, m, rows int, c *common) panels {
	if inPlace(bt, m) {
		whole := n
		if n%readColumns != 0 {
			whole = table.lastColumn(n)
		}
		p := direct(ws, &ws.bEdge, bt, j0, n, k0, k, whole, table.width(n-whole))
		p.below = min(k, bt.Cols-k0-k)
		return p
	}
	p := panels{whole: n, pending: true, source: *bt, at: j0, rows: n, k0: k0, k: k, common: c}
	switch {
	case c != nil:
		p.each, p.data = k, c.data
	case m > rows:
		p.each, p.data = k, grow(&ws.b, roundUp(n, table.nr)*k)
	default:
		p.data = grow(&ws.b, table.nr*k)
	}
	p.away = len(p.data) > block.away
	return p
}

// pack packs the band of w rows from row at on, when it is not yet.
func (p *panels) pack(ws *Workspace, at, w int) {
	if !p.pending {
		return
	}
	if p.common != nil && !p.common.take(at) {
		return
	}
	packPanels(p.data[at*p.each:], ws.stripOf(), &p.source, p.at+at, min(w, p.rows-at), p.k0, p.k, w)
	if p.common != nil {
		p.common.give(at)
	}
}

// next returns what the band of w rows from row at on is of, to be fetched: what is packed then, or a panel that was packed long ago.
func (p *panels) next(at, w int) ahead {
	packed := !p.pending || p.common != nil && p.common.has(at)
	switch {
	case !packed:
		return aheadOf(&p.source, p.at+at, min(w, p.rows-at), p.k0, p.k)
	case p.away || p.pending: // another core has packed it, where it is pending
		return aheadAt(unsafe.Pointer(&p.data[at*p.each]), 0, 4*w*p.k, 1)
	}
	return ahead{}
}

// An ahead is what is read next, to be packed or because it was packed long ago. Kernels of products have a cache fetch it, a few lines at a time,
// while they multiply what came before.
type ahead struct {
	at    uintptr // a line of 64 bytes; what it is of outlives the product
	left  int     // bytes of its row from there on
	skip  int     // from behind a row's last line to the next row
	bytes int     // of a row
	rows  int     // that are left, this one included
}

func aheadAt(p unsafe.Pointer, stride, bytes, rows int) ahead {
	return ahead{at: uintptr(p), left: bytes, skip: stride - roundUp(bytes, 64), bytes: bytes, rows: rows}
}

// pass goes on by n lines, no more than the row has.
func (p *ahead) pass(n int) {
	p.at += uintptr(64 * n)
	p.left -= 64 * n
	if p.left <= 0 {
		p.at += uintptr(p.skip)
		p.left = p.bytes
		p.rows--
	}
}

// aheadOf returns the rows i … i+m-1 of o, over k columns (of pairs: k of them) from k0.
func aheadOf(o *Operand, i, m, k0, k int) ahead {
	if m <= 0 || k <= 0 {
		return ahead{}
	}
	if o.pairs {
		k0, k = 2*k0, min(2*k, o.Cols-2*k0)
	}
	rows, cols, at := m, k, i*o.Stride+k0
	if o.Trans {
		rows, cols, at = k, m, k0*o.Stride+i
	}
	p, stride, bytes := o.place(at, cols)
	return aheadAt(p, stride, bytes, rows)
}

func packInto(ws *Workspace, buf *[]float32, o *Operand, i0, m, k0, k, w int) panels {
	data := grow(buf, roundUp(m, w)*k)
	packPanels(data, ws.stripOf(), o, i0, m, k0, k, w)
	return panels{data: data, each: k, whole: m}
}

// direct returns the bands of o as they lie in memory, and a packed copy of the last, of w rows, when it is not whole.
func direct(ws *Workspace, edge *[]float32, o *Operand, i0, m, k0, k, whole, w int) panels {
	p := panels{each: o.Stride, ras: o.Stride, cas: 1, whole: whole}
	at := i0*o.Stride + k0
	if o.Trans {
		p.each, p.ras, p.cas = 1, 1, o.Stride
		at = k0*o.Stride + i0
	}
	p.data = o.F32[at:]
	if whole < m {
		p.edge = grow(edge, k*w)
		packPanels(p.edge, ws.stripOf(), o, i0+whole, m-whole, k0, k, w)
	}
	return p
}
