"""One step of the published GSCALE-I for x = tanh(U z): pseudo-inverse as encoder, the decoder's
Jacobian at every point by vmap of jacrev, the mean absolute score differences in latent coordinates,
reconstruction, and RMSprop.

lodestein's closed form of the same step is latent_loss/tanh; what its optimiser runs is
latent_loss/linear in n coordinates of the chart, to which the data are reduced once."""
import peer

torch, threads, quick = peer.start()
try:
    from torch.func import jacrev, vmap
except ImportError:  # before PyTorch 2
    from functorch import jacrev, vmap

latents, d, n = 8, 100, 50 if quick else 500
clamp = 1.0 - 1e-6
decoder = (torch.rand(d, latents) - 0.5).requires_grad_()
optimiser = torch.optim.RMSprop([decoder], lr=1e-3)
mixing = torch.nn.functional.normalize(torch.rand(d, latents) - 0.5, dim=0)
x = torch.tanh(torch.randn(n, latents) @ mixing.T).clamp(-clamp, clamp)
differences = torch.randn(latents, n, d)
own = torch.eye(latents)


def decode(z):
    return torch.tanh(decoder @ z).clamp(-clamp, clamp)


def step():
    optimiser.zero_grad()
    z = torch.arctanh(x) @ torch.linalg.pinv(decoder).T
    jacobian = vmap(jacrev(decode))(z)
    effect = torch.einsum("kdi,mkd->mki", jacobian, differences).abs().mean(1)
    others = (effect * (1 - own)).sum() / (latents * (latents - 1))
    error = ((vmap(decode)(z) - x) ** 2).sum() / n
    (torch.relu(0.5 - effect.diagonal()).mean() + others + error).backward()
    optimiser.step()


size = f"environments:{latents}/d:{{d}}/latents:{latents}/n:{n}"
for name in (f"tanh/{size.format(d=d)}|same step", f"linear/{size.format(d=latents)}|in d:{d}"):
    peer.report(f"latent_loss/{name}", threads, n, step, quick)
