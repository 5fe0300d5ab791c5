package simd

// lanes64 are the accumulators of a reduction in float64.
type lanes64 [16]float64

// sum adds the lanes as a tree.
func (s *lanes64) sum() float64 {
	for h := 8; h > 0; h /= 2 {
		for l := range h {
			s[l] += s[l+h]
		}
	}
	return s[0]
}

func sum64Generic(a []float32) float64 {
	var s lanes64
	for i, v := range a {
		s[i%16] += float64(v)
	}
	return s.sum()
}

func sumSqGeneric(a []float32, mean float64) float64 {
	var s lanes64
	for i, v := range a {
		d := float64(v) - mean
		s[i%16] += float64(d * d)
	}
	return s.sum()
}

func normalizeGeneric(y, x, g, b []float32, plus, mean, r float64) {
	for i, x := range x {
		v := float64(float64((float64(x)-mean)*r) * (plus + float64(g[i])))
		if len(b) > 0 {
			v += float64(b[i])
		}
		y[i] = float32(v)
	}
}

func normSumsGeneric(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32) {
	var s, d lanes
	for i, x := range x {
		l, dy, xm := i%16, u[i], x-mean
		if len(dg) > 0 {
			dg[i] = fma(float32(xm*r), dy, dg[i])
		}
		if len(db) > 0 {
			db[i] += dy
		}
		v := float32(dy * (plus + g[i]))
		u[i] = v
		s[l] += v
		d[l] = fma(v, xm, d[l])
	}
	return s.sum(), d.sum()
}

func normGradGeneric(dx, u, x []float32, r, shift, slope, mean float32, add bool) {
	for i, x := range x {
		v := fma(-slope, x-mean, float32(r*(u[i]-shift)))
		if add {
			v += dx[i]
		}
		dx[i] = v
	}
}
