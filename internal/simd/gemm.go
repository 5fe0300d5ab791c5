package simd

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A blocking is how a product is cut, in elements, so that what is read often stays in a cache near by.
type blocking struct {
	m, n, k int // the most rows of A, columns of B, and of K, of a block
	whole   int // K of up to so many is one block
	a       int // elements of a block of A: where K is long, it has fewer rows
	away    int // more packed elements of B than these have left L2 when they are read again, as much else passes through it
}

// block is the active level's blocking on this machine. No result depends on it.
var block = blockingOf(table, hostCaches())

// caches are the sizes of a core's data caches in bytes; l3 is what the cores share.
type caches struct{ l1, l2, l3 int }

// blockingOf cuts for a level's tile. A panel of B, k×nr, is read once a tile: the narrow tiles read it so often that it must stay in L1,
// with room for what passes through; a tile of 48 columns is content with L2, and then K may be half as long again before it is cut, as what is
// not cut is written once and shared by threads a block of rows at a time. A block of A takes no more than a third of L2, which a core's other
// thread may use as well; a block of B, k×n, a sixth of L3, which other cores use too, or what 512 columns take.
func blockingOf(t *kernels, c caches) blocking {
	const size, m = 4, 144 // a multiple of every mr
	panel, wide := c.l1*5/8, t.nr > 16
	if wide {
		panel = c.l2 / 8
	}
	a := c.l2 / 3 / size
	k := min(panel/(size*t.nr), a/m)
	k = min(max(k&^31, 128), 1024)
	whole := k
	if wide {
		whole = k * 3 / 2
	}
	n := min(max(c.l3/6/(size*whole)&^31, 512), 1536)
	return blocking{m: m, n: n, k: k, whole: whole, a: a, away: c.l2 / 2 / size}
}

// downK is the most of K at a time where A lies column by column: each element of K is another row of it, and often another page.
const downK = 640

// leastRows is what a block of A has whatever K is; its rows are a multiple of that, which is one of every mr.
const leastRows = 48

// rows returns the most rows of a block of A where blocks of K have so many elements.
func (b *blocking) rows(k int) int { return min(max(b.a/k/leastRows*leastRows, leastRows), b.m) }

// kBlock returns the length of the block of K that begins at k0: K is cut evenly into blocks of at most so many. No result depends on where.
func kBlock(k0, k, most int) int {
	blocks := (k + most - 1) / most
	size := (k + blocks - 1) / blocks
	return min(size, k-k0)
}

// A Workspace holds the buffers of one thread's products; the zero value is ready. They grow to what the largest product needs.
type Workspace struct {
	a, b         []float32 // panels
	aEdge, bEdge []float32 // the last panel, where the others are read in place
	strip        []float32 // see packStrips
	kept         panels    // of the block of B in use
	keeps        bool      // whether they are for the next block of rows too,
	keptAt       int       // in these columns of parts
	nextA, nextB ahead     // what is packed or read next
}

// WorkspaceBytes returns what the buffers of a thread's products take at the most.
func WorkspaceBytes() int64 {
	a := min(max(block.a, leastRows*block.whole), block.m*block.whole)
	others := roundUp(block.n, table.nr) + table.mr + table.nr // B's, and both edges
	return 4 * (int64(a) + int64(others)*int64(block.whole) + maxTile*stripK)
}

// grow returns a buffer of n elements, the one given when it is long enough.
func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}

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
	r := &p.product
	mt, nt := split(p.threads, a.Rows, b.Cols, a.Cols)
	r.c, r.ldc, r.a, r.b, r.add, r.mt, r.nt = c, ldc, a, b, add, mt, nt
	r.down = (a.Rows + mt - 1) / mt
	parts := r.down * ((b.Cols + nt - 1) / nt)
	if parts <= 1 {
		gemm(&p.ws[0], c, ldc, &a, &b, add)
	} else {
		r.begin(parts, p.ws)
		p.run(parts, r.task)
	}
	r.c, r.a, r.b = nil, Operand{}, Operand{}
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

// split returns the rows and columns of a part of C. Each thread packs what it reads of A and B: of the grids with about a part a thread the one
// that packs least is taken.
func split(threads, m, n, k int) (mt, nt int) {
	if threads == 1 || int64(m)*int64(n)*int64(k) < smallWork {
		return max(m, 1), max(n, 1)
	}
	var least int64
	for rows := 1; rows <= threads; rows++ {
		cols := (threads + rows - 1) / rows
		tm, tn := roundUp((m+rows-1)/rows, table.mr), roundUp((n+cols-1)/cols, table.nr)
		parts := ((m + tm - 1) / tm) * ((n + tn - 1) / tn)
		load := int64(tm) * int64(tn) * int64((parts+threads-1)/threads) // of the thread with most parts
		cost := int64(cols)*int64(m) + int64(rows)*int64(n)              // A is packed by every column of the grid, B by every row
		// what that thread has above its share, at the price of 16 packings an element
		cost += 16 * (load*int64(threads) - int64(m)*int64(n)) / int64(max(m, n))
		if mt == 0 || cost < least {
			least, mt, nt = cost, tm, tn
		}
	}
	return mt, nt
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// Factors are a product, or a part of one, to compute a block of rows of C at a time.
type factors struct {
	c      []float32
	ldc    int
	a, bt  Operand // bt is B, transposed
	add    bool
	k      int // of pairs: half as many
	kBlock int // the most of K at a time
	rows   int // the most rows of C
	column columnKernel

	sharing int  // rows of C, or of the largest part of it: they may share what is packed of B
	keep    bool // B is one block, which stays packed from one block of rows to the next

	common *common // where threads pack B together, or nil
	first  int     // the column of B where this thread begins then
}

func factorsOf(c []float32, ldc int, a, b Operand, add bool, sharing int) factors {
	f := factors{c: c, ldc: ldc, a: a, bt: b.T(), add: add, k: a.Cols, kBlock: block.k, column: table.column, sharing: sharing}
	if a.pairs {
		f.k, f.column = (a.Cols+1)/2, table.columnPairs
	}
	switch {
	case inPlace(&f.bt, a.Rows) && f.k > 4*directK:
		f.kBlock = directK
	case a.Trans:
		f.kBlock = min(block.k, downK)
	case f.k <= block.whole:
		f.kBlock = max(f.k, 1)
	}
	f.rows = block.rows(f.kBlock)
	f.keep = sharing > f.rows && f.k <= f.kBlock && b.Cols <= block.n
	return f
}

// gemm is the product on one thread.
func gemm(w *Workspace, c []float32, ldc int, a, b *Operand, add bool) {
	w.keeps = false
	f := factorsOf(c, ldc, *a, *b, add, a.Rows)
	for i := range f.blocks() {
		f.multiply(w, i, i+1)
	}
	w.kept = panels{} // which may lie in B
}

// blocks returns how many blocks of rows C is cut into for multiply: one where B is not kept.
func (f *factors) blocks() int {
	if f.keep {
		return (f.a.Rows + f.rows - 1) / f.rows
	}
	return min(f.a.Rows, 1)
}

// multiply computes block i of the rows of C: blocks of N, of K and of M, in this order, around addBlock. The next call is for block next, if there
// is one. What w keeps must be of these factors, or nothing.
func (f *factors) multiply(w *Workspace, i, next int) {
	first, end, n := 0, f.a.Rows, f.bt.Rows
	sharing := end
	if f.keep {
		first, sharing = i*f.rows, f.sharing
		end = min(first+f.rows, end)
	}
	if f.k == 0 && !f.add {
		for i := first; i < end; i++ {
			clear(f.c[i*f.ldc:][:n])
		}
	}
	most := block.n
	if f.common != nil {
		most = n
	}
	for j0 := 0; j0 < n; j0 += most {
		nb := min(most, n-j0)
		for k0 := 0; k0 < f.k; {
			k := kBlock(k0, f.k, f.kBlock)
			if !f.keep || !w.keeps {
				w.kept, w.keeps = bPanels(w, &f.bt, j0, nb, k0, k, sharing, f.rows, f.common), f.keep
				w.kept.first = f.first
			}
			for i0 := first; i0 < end; i0 += f.rows {
				then := i0 + f.rows
				if f.keep {
					then = next * f.rows
				}
				f.addBlock(w, i0, min(f.rows, end-i0), j0, nb, k0, k, then)
			}
			k0 += k
		}
	}
}

// addBlock adds the part of the product over k from k0 on to m×n elements of C, with the panels of B that w has. The block of A's rows from then
// on is packed next.
func (f *factors) addBlock(w *Workspace, i0, m, j0, n, k0, k, then int) {
	a := aPanels(w, &f.a, i0, m, k0, k, f.bt.Rows)
	w.nextA = ahead{}
	if then >= 0 {
		w.nextA = aheadOf(&f.a, then, min(f.rows, f.a.Rows-then), k0, k)
	}
	macro(w, f.column, f.c[i0*f.ldc+j0:], f.ldc, &a, &w.kept, m, n, k, f.add || k0 > 0)
	w.kept.pending, w.kept.source = false, Operand{} // all of B's panels are packed now
}

// A product is a call of Gemm under way. A thread computes a part of C, mt×nt elements, a block of rows after the other, and when it is done it
// takes blocks from the ends of others' parts: so a thread that the machine holds up is helped, and where none is, each packs its own panels
// only, or those of B together with the threads whose parts lie above and below. Where B is more than one block, a part is one block, which is
// not taken from who has begun it.
type product struct {
	c            []float32
	ldc          int
	a, b         Operand
	add          bool
	mt, nt, down int                    // down parts lie below one another
	left         []queue                // of each part: its blocks
	common       []common               // of each column of parts: B; none where it is not packed together
	task         func(worker, part int) // made once, so that a call allocates nothing
}

func (r *product) init(p *Pool) {
	r.task = func(worker, part int) {
		w := &p.ws[worker]
		r.compute(w, part, false)
		for i := range r.left {
			r.compute(w, (part+i)%len(r.left), true)
		}
		w.kept, w.keeps = panels{}, false // they may lie in B
	}
}

// begin makes the parts whole, and has the threads forget what they kept of the last product.
func (r *product) begin(parts int, ws []Workspace) {
	for i := range ws {
		ws[i].keeps = false
	}
	if cap(r.left) < parts {
		r.left = make([]queue, parts)
	}
	r.left = r.left[:parts]
	r.gather(parts, ws)
	for part := range r.left {
		f := r.factors(part)
		r.left[part].fill(f.blocks())
	}
}

// gather has the threads pack B together, where all of it that a column of parts needs is one block, which one thread has room for.
func (r *product) gather(parts int, ws []Workspace) {
	r.common = r.common[:0]
	f := r.factors(0)
	again, inOne := f.sharing > f.rows && !inPlace(&f.bt, f.sharing), f.k <= f.kBlock
	if size := f.bPacked(); !again || !inOne || size > block.n*block.whole {
		return
	}
	columns := parts / r.down
	if cap(r.common) < columns {
		r.common = make([]common, columns)
	}
	r.common = r.common[:columns]
	for i := range r.common {
		f := r.factors(i * r.down)
		r.common[i].begin(grow(&ws[i].b, f.bPacked()), f.bt.Rows)
	}
}

// bPacked returns the elements of all of B, packed.
func (f *factors) bPacked() int { return roundUp(f.bt.Rows, table.nr) * f.k }

// factors returns those of a part.
func (r *product) factors(part int) factors {
	i, j := part%r.down*r.mt, part/r.down*r.nt
	m, n := min(r.mt, r.a.Rows-i), min(r.nt, r.b.Cols-j)
	f := factorsOf(r.c[i*r.ldc+j:], r.ldc, r.a.Block(i, m, 0, r.a.Cols), r.b.Block(0, r.b.Rows, j, n), r.add, r.mt)
	if len(r.common) > 0 && f.k <= f.kBlock { // else the last part has so few rows that it reads B in place
		f.keep, f.common = true, &r.common[part/r.down]
		f.first = table.columnNear(n*(part%r.down)/r.down, n)
	}
	return f
}

// compute computes the blocks of a part that it can take, from the first on or from the last.
func (r *product) compute(w *Workspace, part int, last bool) {
	step := 1
	if last {
		step = -1
	}
	for {
		i, ok := r.left[part].take(last)
		if !ok {
			return
		}
		if at := part / r.down; w.keptAt != at { // parts beside one another have other columns of B
			w.keeps, w.keptAt = false, at
		}
		f := r.factors(part)
		f.multiply(w, i, i+step)
	}
}

// A queue is the numbers of blocks that are left. Its owner takes them from the front, others from the end.
type queue struct{ left atomic.Uint64 } // the first, and 32 bits lower the one after the last

func (q *queue) fill(n int) { q.left.Store(uint64(n)) }

// take takes the first, or the last.
func (q *queue) take(last bool) (int, bool) {
	for {
		left := q.left.Load()
		i, end := left>>32, left&math.MaxUint32
		if i == end {
			return 0, false
		}
		rest := left + 1<<32
		if last {
			i, rest = end-1, left-1
		}
		if q.left.CompareAndSwap(left, rest) {
			return int(i), true
		}
	}
}

// A common is panels that threads pack together: each packs those that it comes to first.
type common struct {
	data  []float32
	state []atomic.Uint32 // of the panel from row i·readColumns on
}

// The states of a panel.
const (
	unpacked = iota
	underWay
	packed
)

// begin forgets what was packed: the panels are of n rows, in data.
func (c *common) begin(data []float32, n int) {
	if n = roundUp(n, readColumns) / readColumns; cap(c.state) < n {
		c.state = make([]atomic.Uint32, n)
	}
	c.data, c.state = data, c.state[:n]
	for i := range c.state {
		c.state[i].Store(unpacked)
	}
}

// take says whether the caller has to pack the panel from a row on; else it is packed when take returns.
func (c *common) take(at int) bool {
	state := &c.state[at/readColumns]
	if state.CompareAndSwap(unpacked, underWay) {
		return true
	}
	for looks := 0; state.Load() != packed; looks++ {
		if pause(); looks%64 == 63 { // who packs it may wait for this processor
			runtime.Gosched()
		}
	}
	return false
}

// give says that a panel is packed.
func (c *common) give(at int) { c.state[at/readColumns].Store(packed) }

// has says whether a panel is packed.
func (c *common) has(at int) bool { return c.state[at/readColumns].Load() == packed }

// macro multiplies panels: all bands of A with one panel of B, which stays in a cache, then the next.
func macro(w *Workspace, column columnKernel, c []float32, ldc int, a, b *panels, m, n, k int, add bool) {
	mr := table.mr
	for j, left := b.first, n; left > 0; {
		width := table.width(n - j)
		cols, then := min(width, n-j), j+width
		if then >= n {
			then = 0
		}
		left -= cols
		b.pack(w, j, width)
		if b.below > 0 {
			table.prefetch(uintptr(unsafe.Pointer(&b.data[j*b.each+k*b.cas])), 4*b.cas, b.below, 4*cols)
		}
		w.nextB = ahead{}
		if left > 0 {
			w.nextB = b.next(then, table.width(n-then))
		}
		bd, _, ldb := b.band(j, width)
		next := &w.nextB
		if next.rows == 0 { // so A's next block is fetched where B's panels are not
			next = &w.nextA
		}
		for i, rows := 0, 0; i < m; i += rows {
			rows = m - i
			if i < a.whole {
				rows = min(rows, a.whole-i)
			}
			ad, ras, cas := a.band(i, mr)
			column(rows, cols, k, ad, a.each*mr, ras, cas, bd, ldb, c[i*ldc+j:], ldc, add, next)
		}
		j = then
	}
}
