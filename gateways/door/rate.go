// Rates: a token bucket in two words, because every idle connection has one.

package door

const burstSeconds = 4

// bucket bounds a rate. A new one is full. The caller locks it.
type bucket struct {
	taken  float64 // and not refilled yet
	lastMS int64
}

// take takes one token, if there is one. A burst is four seconds of the rate and one more, so that a low rate is not none.
func (b *bucket) take(nowMS int64, perSecond float64) bool {
	if b.refill(nowMS, perSecond); b.taken > perSecond*burstSeconds {
		return false
	}
	b.taken++
	return true
}

// full reports whether no token is missing.
func (b *bucket) full(nowMS int64, perSecond float64) bool {
	b.refill(nowMS, perSecond)
	return b.taken == 0
}

// refill adds the tokens since the last call; a clock that was set back adds none.
func (b *bucket) refill(nowMS int64, perSecond float64) {
	b.taken = max(0, b.taken-float64(max(0, nowMS-b.lastMS))/1000*perSecond)
	b.lastMS = nowMS
}
