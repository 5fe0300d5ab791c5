package trainer

// The auxiliary loss of a model's routers (Fedus et al. 2021, equations 4 to 6, as transformers computes it) pulls mixtures of experts
// towards using all their experts. Over a loss group, with N the tokens of both sequences of its pairs times the layers that have experts,
// T_e how many of those expert e was chosen for and P_e the sum of its probability,
//
//	aux = E · Σ_e T_e/N · P_e/N        d aux/d P_e = E·T_e/N²
//
// T is constant to the gradient. TRL adds router_aux_loss_coef · aux to the loss of every group.

// auxiliary returns the auxiliary loss of a group and its derivative by P, which all pairs of the group share.
func auxiliary(group []scored) (loss float64, slopes []float64) {
	n := 0.
	experts := len(group[0].router.Prob)
	chosen, prob := make([]float64, experts), make([]float64, experts)
	for _, p := range group {
		n += p.router.Tokens
		for e := range experts {
			chosen[e] += p.router.Chosen[e]
			prob[e] += p.router.Prob[e]
		}
	}
	for e := range experts {
		slope := float64(experts) * chosen[e] / n / n
		slopes = append(slopes, slope)
		loss += float64(slope * prob[e])
	}
	return loss, slopes
}

// routerGradient returns d loss / d P of every pair in a step, or nil where the run has no auxiliary loss.
func (r *run) routerGradient(pairs []scored, groups []span) [][]float32 {
	if r.aux == 0 {
		return nil
	}
	out := make([][]float32, 0, len(pairs))
	for _, g := range groups {
		_, slopes := auxiliary(pairs[g.From:g.To])
		d := make([]float32, len(slopes))
		for e, s := range slopes {
			d[e] = float32(r.aux * s / float64(len(groups)))
		}
		for range g.To - g.From {
			out = append(out, d)
		}
	}
	return out
}

// auxCoef returns what the auxiliary loss is multiplied with: 0 for a model without experts.
func (r *run) auxCoef() float64 {
	x := r.policy.Config().Experts
	switch {
	case x == nil:
		return 0
	case r.o.RouterAuxLossCoef < 0:
		return x.AuxCoef
	}
	return r.o.RouterAuxLossCoef
}
