package simd

import "unsafe"

// A blocking is how a product is cut, in elements, so that what is read often stays in a cache near by.
type blocking struct{ m, n, k int }

// block is the active level's blocking on this machine. No result depends on it.
var block = blockingOf(table, hostCaches())

// caches are the sizes of a core's data caches in bytes; l3 is what the cores share.
type caches struct{ l1, l2, l3 int }

// blockingOf cuts for a level's tile. A panel of B, k×nr, is read once a tile: the narrow tiles read it so often that it must stay in L1,
// with room for what passes through; a tile of 32 columns is content with L2. A block of A, m×k, takes a third of L2; a block of B, k×n, at
// most a sixth of L3, which other cores use too.
func blockingOf(t *kernels, c caches) blocking {
	const size, m = 4, 144 // a multiple of every mr
	panel := c.l1 * 5 / 8
	if t.nr >= 32 {
		panel = c.l2 / 8
	}
	k := min(panel/(size*t.nr), c.l2/3/(size*m))
	k = min(max(k&^31, 128), 640)
	n := min(max(c.l3/6/(size*k)&^31, 512), 4096)
	return blocking{m: m, n: n, k: k}
}

// kBlock returns the length of the block of K that begins at k0: K is cut evenly. No result depends on where.
func kBlock(k0, k int) int {
	blocks := (k + block.k - 1) / block.k
	size := (k + blocks - 1) / blocks
	return min(size, k-k0)
}

// A Workspace holds the buffers of one thread's products; the zero value is ready. They grow to what the largest product needs.
type Workspace struct {
	a, b         []float32 // panels
	aEdge, bEdge []float32 // the last panel, where the others are read in place
	strip        []float32 // see packStrips
}

// grow returns a buffer of n elements, the one given when it is long enough.
func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}

func (w *Workspace) stripOf() []float32 { return grow(&w.strip, 32*stripK) }

// Gemm computes C = A·B or, with add, C += A·B on the threads of p. C is a.Rows×b.Cols with ldc elements from row to row. An element is
//
//	s := +0, or c[i*ldc+j] when add
//	for k := range a.Cols {
//		s = fma(A[i][k], B[k][j], s)
//	}
//	c[i*ldc+j] = s
//
// and so does not depend on the rest of the matrices, on tiles or on threads. C must not overlap A or B.
func Gemm(p *Pool, c []float32, ldc int, a, b Operand, add bool) {
	checkGemm(c, ldc, &a, &b)
	p.mu.Lock()
	defer p.mu.Unlock()
	mt, nt := p.split(&a, &b)
	down := (a.Rows + mt - 1) / mt
	parts := down * ((b.Cols + nt - 1) / nt)
	if parts <= 1 {
		gemm(&p.ws[0], c, ldc, &a, &b, add)
		return
	}
	r := &p.product
	r.c, r.ldc, r.a, r.b, r.add, r.mt, r.nt, r.down = c, ldc, a, b, add, mt, nt, down
	p.run(parts, r.task)
	r.c, r.a, r.b = nil, Operand{}, Operand{}
}

// A product is a call of Gemm under way: parts of C of mt×nt elements, down of them below one another.
type product struct {
	c            []float32
	ldc          int
	a, b         Operand
	add          bool
	mt, nt, down int
	task         func(worker, i int) // made once, so that a call allocates nothing
}

func (r *product) init(p *Pool) {
	r.task = func(worker, t int) {
		i, j := t%r.down*r.mt, t/r.down*r.nt
		m, n := min(r.mt, r.a.Rows-i), min(r.nt, r.b.Cols-j)
		at, bt := r.a.Block(i, m, 0, r.a.Cols), r.b.Block(0, r.b.Rows, j, n)
		gemm(&p.ws[worker], r.c[i*r.ldc+j:], r.ldc, &at, &bt, r.add)
	}
}

// GemmBF16 is Gemm with both factors rounded to bfloat16, to nearest, ties to even; sums are float32. An element is
//
//	s := +0, or c[i*ldc+j] when add
//	for k := 0; k < a.Cols; k += 2 {
//		s = dotPair(s, A[i][k], A[i][k+1], B[k][j], B[k+1][j])    // 0 where a factor ends
//	}
//	c[i*ldc+j] = s
//
// with the multiply-adds that VDPBF16PS does (see dotPair). It needs [HasBF16].
func GemmBF16(p *Pool, c []float32, ldc int, a, b Operand, add bool) {
	a.pairs, b.pairs = true, true
	Gemm(p, c, ldc, a, b, add)
}

// GemmSeq is Gemm on the calling goroutine, with its own buffers; it allocates nothing once they have grown. Tasks of a Pool use it.
func GemmSeq(w *Workspace, c []float32, ldc int, a, b Operand, add bool) {
	checkGemm(c, ldc, &a, &b)
	gemm(w, c, ldc, &a, &b, add)
}

func checkGemm(c []float32, ldc int, a, b *Operand) {
	if a.Cols != b.Rows {
		panic(badShape)
	}
	a.check()
	b.check()
	if m, n := a.Rows, b.Cols; m > 0 && n > 0 && (ldc < n && m > 1 || len(c) < (m-1)*ldc+n) {
		panic(badBuffer)
	}
}

// smallWork is the product M·N·K under which a second thread costs more than it brings.
const smallWork = 1 << 17

// split returns the rows and columns of a task's part of C. Tasks share nothing, so each packs its own parts of A and B: of the grids with
// about a task a thread the one that packs least is taken.
func (p *Pool) split(a, b *Operand) (mt, nt int) {
	m, n, k := a.Rows, b.Cols, a.Cols
	if p.threads == 1 || m*n*k < smallWork {
		return max(m, 1), max(n, 1)
	}
	best := -1
	for rows := 1; rows <= p.threads; rows++ {
		cols := (p.threads + rows - 1) / rows
		tm, tn := roundUp((m+rows-1)/rows, table.mr), roundUp((n+cols-1)/cols, table.nr)
		cost := cols*m + rows*n // A is packed by every column of the grid, B by every row
		// what the largest task is above its share, at the price of 16 packings an element
		cost += 16 * (tm*tn*p.threads - m*n) / max(m, n)
		if best < 0 || cost < best {
			best, mt, nt = cost, tm, tn
		}
	}
	return mt, nt
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// gemm is the product on one thread: blocks of N, of K and of M, in this order, around macro.
func gemm(w *Workspace, c []float32, ldc int, a, b *Operand, add bool) {
	m, n, kAll, column := a.Rows, b.Cols, a.Cols, table.column
	if a.pairs {
		kAll, column = (a.Cols+1)/2, table.columnPairs
	}
	if kAll == 0 && !add {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
	}
	bt := b.T()
	for j0 := 0; j0 < n; j0 += block.n {
		nb := min(block.n, n-j0)
		for k0 := 0; k0 < kAll; {
			k := kBlock(k0, kAll)
			bp := bPanels(w, &bt, j0, nb, k0, k, m)
			for i0 := 0; i0 < m; i0 += block.m {
				mb := min(block.m, m-i0)
				ap := aPanels(w, a, i0, mb, k0, k, n)
				next := aheadOf(a, i0+mb, min(block.m, m-i0-mb), k0, k, turns(mb, k)*((nb+table.nr-1)/table.nr))
				macro(w, column, c[i0*ldc+j0:], ldc, &ap, &bp, &next, mb, nb, k, add || k0 > 0)
				bp.pending = false // all of B's panels are packed now
			}
			k0 += k
		}
	}
}

// panels are bands of rows of an operand, packed or as they lie: element (i, l) of band p at data[p*step + i*ras + l*cas].
type panels struct {
	data           []float32
	step, ras, cas int
	edge           []float32 // the last band, packed, when it is not whole and data is not packed
	whole, width   int       // bands before edge; their rows

	// Of bands that are packed just before they are used: what from. So they are in L1 then.
	pending  bool
	source   Operand
	at, rows int // their first row and their number
	k0, k    int // and columns
}

func (p *panels) band(i int) (data []float32, ras, cas int) {
	if i >= p.whole {
		return p.edge, 1, p.width
	}
	return p.data[i*p.step:], p.ras, p.cas
}

// Reading in place instead of packing pays when a panel is read few times.
const (
	directColumns = 256 // A is read in place for products of at most so many columns,
	directRows    = 64  // and B for at most so many rows
)

func aPanels(w *Workspace, a *Operand, i0, m, k0, k, n int) panels {
	mr := table.mr
	if a.Type == F32 && n <= directColumns && !a.pairs {
		return direct(w, &w.aEdge, a, i0, m, k0, k, mr)
	}
	return packInto(w, &w.a, a, i0, m, k0, k, mr)
}

func bPanels(w *Workspace, bt *Operand, j0, n, k0, k, m int) panels {
	nr := table.nr
	if bt.Type == F32 && bt.Trans && m <= directRows && !bt.pairs {
		return direct(w, &w.bEdge, bt, j0, n, k0, k, nr)
	}
	p := panels{step: k * nr, ras: 1, cas: nr, whole: roundUp(n, nr) / nr, pending: true, source: *bt, at: j0, rows: n, k0: k0, k: k}
	if m <= block.m {
		p.step = 0 // used once, so the next band may take its place
	}
	p.data = grow(&w.b, p.step*(p.whole-1)+k*nr)
	return p
}

// pack packs band i, when it is not yet.
func (p *panels) pack(w *Workspace, i, width int) {
	if !p.pending {
		return
	}
	at := i * width
	packPanels(p.data[i*p.step:], w.stripOf(), &p.source, p.at+at, min(width, p.rows-at), p.k0, p.k, width)
}

// next returns what is packed after band i, to be fetched in so many turns.
func (p *panels) next(i, width, turns int) ahead {
	at := (i + 1) * width
	if !p.pending {
		return ahead{}
	}
	return aheadOf(&p.source, p.at+at, min(width, p.rows-at), p.k0, p.k, turns)
}

// An ahead is what is packed next: the cache fetches it while what came before is multiplied.
type ahead struct {
	at            unsafe.Pointer
	stride, bytes int // of a row of it
	rows, each    int // rows that are left, and those of a turn
}

// aheadOf returns the rows i … i+m-1 of o, over k columns (of pairs: k of them) from k0, to be fetched in so many turns.
func aheadOf(o *Operand, i, m, k0, k, turns int) ahead {
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
	p := ahead{rows: rows, each: (rows + turns - 1) / turns}
	p.at, p.stride, p.bytes = o.place(at, cols)
	return p
}

// turnRows returns how many rows of a column of tiles are computed between turns: those of a tile, of several where k is small.
func turnRows(k int) int { return table.mr * max(1, 384/k) }

// turns returns how many turns a column of m rows has.
func turns(m, k int) int { return (m + turnRows(k) - 1) / turnRows(k) }

// fetch takes a turn.
func (p *ahead) fetch() {
	if n := min(p.each, p.rows); n > 0 {
		table.prefetch(p.at, p.stride, n, p.bytes)
		if p.rows -= n; p.rows > 0 {
			p.at = unsafe.Add(p.at, n*p.stride)
		}
	}
}

func packInto(ws *Workspace, buf *[]float32, o *Operand, i0, m, k0, k, w int) panels {
	bands := (m + w - 1) / w
	data := grow(buf, bands*w*k)
	packPanels(data, ws.stripOf(), o, i0, m, k0, k, w)
	return panels{data: data, step: k * w, ras: 1, cas: w, whole: bands}
}

// direct returns the bands of o as they lie in memory, and a packed copy of the last when it is not whole.
func direct(ws *Workspace, edge *[]float32, o *Operand, i0, m, k0, k, w int) panels {
	p := panels{step: w * o.Stride, ras: o.Stride, cas: 1, whole: m / w, width: w}
	at := i0*o.Stride + k0
	if o.Trans {
		p.step, p.ras, p.cas = w, 1, o.Stride
		at = k0*o.Stride + i0
	}
	p.data = o.F32[at:]
	if rest := m - p.whole*w; rest > 0 {
		p.edge = grow(edge, k*w)
		packPanels(p.edge, ws.stripOf(), o, i0+p.whole*w, rest, k0, k, w)
	}
	return p
}

// macro multiplies panels: all bands of A with one panel of B, which stays in a cache, then the next.
func macro(w *Workspace, column columnKernel, c []float32, ldc int, a, b *panels, nextA *ahead, m, n, k int, add bool) {
	mr, nr, turn := table.mr, table.nr, turnRows(k)
	for j := 0; j < n; j += nr {
		b.pack(w, j/nr, nr)
		nextB := b.next(j/nr, nr, turns(m, k))
		bd, _, ldb := b.band(j / nr)
		for i, rows := 0, 0; i < m; i += rows {
			rows = min(turn, m-i)
			if whole := a.whole * mr; i < whole {
				rows = min(rows, whole-i)
			}
			nextA.fetch()
			nextB.fetch()
			if next := i + rows; add && next < m {
				table.prefetch(unsafe.Pointer(&c[next*ldc+j]), 4*ldc, min(mr, m-next), 4*min(nr, n-j))
			}
			ad, ras, cas := a.band(i / mr)
			column(rows, min(nr, n-j), k, ad, a.step, ras, cas, bd, ldb, c[i*ldc+j:], ldc, add)
		}
	}
}
