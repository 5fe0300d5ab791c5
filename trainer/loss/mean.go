package loss

// Mean returns x₀ + Σ(x−x₀)/n, in order: the mean of n equal numbers is that number to the last bit. It panics without numbers.
func Mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v - x[0]
	}
	return x[0] + sum/float64(len(x))
}
