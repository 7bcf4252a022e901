"""Mean and covariance in fp64, and the second moments of score differences in fp64 from fp32."""
import peer

torch, threads, quick = peer.start()


@torch.no_grad()
def moments(x):
    centred = x - x.mean(0)
    return centred.T @ centred / len(x)


@torch.no_grad()
def difference_moments(base, scores):
    differences = (base.double() - scores.double()).permute(1, 0, 2).reshape(len(base), -1)
    return differences.T @ differences / len(base)


for d in (5, 20, 50, 100, 300):
    n = (100_000 if quick else 24_000_000) // d
    x = torch.randn(n, d, dtype=torch.float64)
    peer.report(f"moments/d:{d}/n:{n}", threads, n, lambda: moments(x), quick)
for n, d, environments in ((500_000, 5, 5), (100_000, 20, 5), (20_000, 20, 20)):
    n //= 100 if quick else 1
    base, scores = torch.randn(n, d), torch.randn(environments, n, d)
    peer.report(f"difference_moments/d:{d}/environments:{environments}/n:{n}", threads, n,
                lambda: difference_moments(base, scores), quick)
