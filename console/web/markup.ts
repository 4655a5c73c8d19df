/** Elements and components as calls, checked as JSX would be; the one door to the library. */
import { h as make, type ComponentChildren, type FunctionComponent, type JSX, type VNode } from 'preact'

export { createContext, createPortal, render } from 'preact'
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
export type { ComponentChildren, VNode }

type Elements = JSX.IntrinsicElements
type Data = { readonly [name: `data-${string}`]: string | undefined }

export function h<K extends keyof Elements>(type: K, props?: (Elements[K] & Data) | null, ...children: ComponentChildren[]): VNode
export function h<P extends object>(type: FunctionComponent<P>, props: (P & { readonly key?: string }) | null, ...children: ComponentChildren[]): VNode
export function h(type: string | FunctionComponent<object>, props: object | null = null, ...children: ComponentChildren[]): VNode {
  return make(type as FunctionComponent<object>, props, ...children)
}
