"""Second moments of random Fourier features, their energy form for score matching, and the gradients
of a function that is linear in them, as they are usually written: the features are stored."""
import peer

torch, threads, quick = peer.start()


@torch.no_grad()
def second(x, w, b):
    features = torch.cos(x @ w.T + b)
    return features.T @ features / len(x)


@torch.no_grad()
def energy(x, w, b):
    angles = x @ w.T + b
    sines = torch.sin(angles)
    return (sines.T @ sines / len(x)) * (w @ w.T), -(w * w).sum(1) * torch.cos(angles).mean(0)


@torch.no_grad()
def gradients(x, w, b, theta):
    return -(torch.sin(x @ w.T + b) * theta) @ w


for what, n, d, fourier in (("second", 20_000, 10, 512), ("second", 10_000, 20, 2048),
                            ("energy", 20_000, 10, 512), ("gradients", 20_000, 20, 512)):
    n //= 20 if quick else 1
    x, w, b = torch.randn(n, d), torch.randn(fourier, d) / 2, torch.randn(fourier)
    theta = torch.randn(fourier)
    run = {"second": lambda: second(x, w, b), "energy": lambda: energy(x, w, b),
           "gradients": lambda: gradients(x, w, b, theta)}[what]
    peer.report(f"features/{what}/d:{d}/fourier:{fourier}/n:{n}", threads, n, run, quick)
