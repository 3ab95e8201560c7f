// Numbers that wait, as runs: a topic that is read far ahead of another leaves thousands of them, nearly all one after the
// other, and each record would pay for all if they were kept one by one.

package audit

import "slices"

// run is numbers from one to another, both included.
type run struct{ from, to uint64 }

// runs are numbers that rise; between two runs at least one is missing.
type runs []run

// at is the first run that ends at a number or behind it.
func (r runs) at(n uint64) int {
	i, _ := slices.BinarySearchFunc(r, n, func(have run, n uint64) int {
		if have.to < n {
			return -1
		}
		return 1
	})
	return i
}

func (r runs) has(n uint64) bool {
	i := r.at(n)
	return i < len(r) && r[i].from <= n
}

// with are the numbers and one more, which they have not.
func (r runs) with(n uint64) runs {
	i := r.at(n)
	joinsLeft, joinsRight := i > 0 && r[i-1].to+1 == n, i < len(r) && n+1 == r[i].from
	switch {
	case joinsLeft && joinsRight:
		r[i-1].to = r[i].to
		return slices.Delete(r, i, i+1)
	case joinsLeft:
		r[i-1].to = n
	case joinsRight:
		r[i].from = n
	default:
		return slices.Insert(r, i, run{n, n})
	}
	return r
}

// above are the numbers above one.
func (r runs) above(n uint64) runs {
	r = r[r.at(n+1):]
	if len(r) > 0 {
		r[0].from = max(r[0].from, n+1)
	}
	return r
}

// last is the highest number, 0 = there is none.
func (r runs) last() uint64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].to
}

// numbers are what pack takes: where runs begin and how many numbers follow.
func (r runs) numbers() []uint64 {
	var n []uint64
	for _, one := range r {
		n = append(n, one.from, one.to-one.from)
	}
	return n
}

func runsOf(numbers []uint64) runs {
	var r runs
	for ; len(numbers) >= 2; numbers = numbers[2:] {
		r = append(r, run{numbers[0], numbers[0] + numbers[1]})
	}
	return r
}
